package bootstrap

import "sync"

// crcTable is for the polynomial of POSIX cksum, 0x04C11DB7, most significant
// bit first, which hash/crc32 does not offer.
var crcTable = sync.OnceValue(func() *[256]uint32 {
	var table [256]uint32
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04C11DB7
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return &table
})

// cksum returns what POSIX cksum prints first: the checksum of the bytes and
// then of their number, least significant byte first, without leading zeros.
func cksum(data []byte) uint32 {
	table := crcTable()
	var crc uint32
	add := func(b byte) { crc = crc<<8 ^ table[byte(crc>>24)^b] }
	for _, b := range data {
		add(b)
	}
	for n := len(data); n > 0; n >>= 8 {
		add(byte(n))
	}
	return ^crc
}
