package bootstrap

import (
	"hash/crc32"
	"math"
	"math/bits"
)

// cksum returns what POSIX cksum prints first: the checksum of the bytes and
// then of their number, least significant byte first, without leading zeros. Its
// polynomial is that of hash/crc32, which takes the bits of each byte, and of the
// result, in the other order.
func cksum(data []byte) uint32 {
	reversed := make([]byte, 0, len(data)+bits.UintSize/8)
	for _, b := range data {
		reversed = append(reversed, bits.Reverse8(b))
	}
	for n := len(data); n > 0; n >>= 8 {
		reversed = append(reversed, bits.Reverse8(byte(n)))
	}
	return bits.Reverse32(crc32.Update(math.MaxUint32, crc32.IEEETable, reversed))
}
