package mosh

import (
	"bytes"
	"compress/zlib"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"

	"github.com/ProtonMail/go-crypto/ocb"
)

// A datagram of mosh 1.4.0 (network.cc, crypto.cc, transportfragment.cc):
//
//	8 bytes   direction (1 bit, set to the client) and sequence number: the nonce's last bytes
//	          then AES-128-OCB (RFC 7253) with a tag of 16 bytes over
//	2 bytes     the sender's clock, in milliseconds
//	2 bytes     the peer's clock as last heard, 0xffff: not heard
//	8 bytes     number of the instruction
//	2 bytes     final (1 bit) and number of the fragment
//	            zlib of the instruction, a protobuf message (transportinstruction.proto)
const (
	nonceSize     = 12
	sequenceSize  = 8
	tagSize       = 16
	clockSize     = 2
	toClient      = 1 << 63
	notHeard      = 0xffff
	finalFragment = 1 << 15
	mtu           = 2048 // what mosh reads at most
)

// seal makes the datagram with this sequence number around an instruction.
func seal(box cipher.AEAD, sequence uint64, clock uint16, instruction []byte) ([]byte, error) {
	var plain bytes.Buffer
	for _, field := range []any{clock, uint16(notHeard), sequence, uint16(finalFragment)} {
		if err := binary.Write(&plain, binary.BigEndian, field); err != nil {
			return nil, err
		}
	}
	packer := zlib.NewWriter(&plain)
	if _, err := packer.Write(instruction); err != nil {
		return nil, err
	}
	if err := packer.Close(); err != nil {
		return nil, err
	}
	nonce := binary.BigEndian.AppendUint64(make([]byte, nonceSize-sequenceSize), sequence)
	return box.Seal(nonce[nonceSize-sequenceSize:], nonce, plain.Bytes(), nil), nil
}

// errForeign says that a datagram is not one of this session's server.
var errForeign = errors.New("not a datagram of this session's server")

// open checks that a datagram came from the server that has the key. It returns
// our clock as the server last heard it, plus the time that the server has
// waited since, or notHeard (network.cc, Connection::new_packet).
func open(box cipher.AEAD, datagram []byte) (heard uint16, err error) {
	if len(datagram) < sequenceSize+tagSize+2*clockSize || binary.BigEndian.Uint64(datagram)&toClient == 0 {
		return 0, errForeign
	}
	nonce := append(make([]byte, nonceSize-sequenceSize), datagram[:sequenceSize]...)
	plain, err := box.Open(nil, nonce, datagram[sequenceSize:], nil)
	if err != nil {
		return 0, errForeign
	}
	return binary.BigEndian.Uint16(plain[clockSize:]), nil
}

func newBox(key [16]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return ocb.NewOCBWithNonceAndTagSize(block, nonceSize, tagSize)
}

// firstInstruction is what mosh-client sends first: its window's size, as the
// step from state 0 to state 1.
//
//	protocol_version 2, old_num 0, new_num 1, ack_num 0, throwaway_num 0,
//	diff: UserMessage { instruction { resize { width 80, height 24 } } } (userinput.proto)
var firstInstruction = []byte{
	1 << 3, 2, 2 << 3, 0, 3 << 3, 1, 4 << 3, 0, 5 << 3, 0,
	6<<3 | 2, 8, 1<<3 | 2, 6, 3<<3 | 2, 4, 5 << 3, 80, 6 << 3, 24,
}
