package transport

import (
	"crypto"
	_ "crypto/md5" // FingerprintHash
	_ "crypto/sha1"
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// fingerprintFor names a key to a person, in the hash of FingerprintHash, as ssh
// writes it (sshkey.c, sshkey_fingerprint): a certificate by the key that it
// certifies.
func fingerprintFor(cfg *sshconfig.Config, key ssh.PublicKey) string {
	name, digest := digestFor(cfg, key)
	if name == "MD5" {
		return name + ":" + strings.ReplaceAll(fmt.Sprintf("% x", digest), " ", ":")
	}
	return name + ":" + base64.RawStdEncoding.EncodeToString(digest)
}

// digestFor returns the hash's name, in capitals, and the key's. A hash that is not
// known here is taken for SHA256.
func digestFor(cfg *sshconfig.Config, key ssh.PublicKey) (name string, digest []byte) {
	if offered, ok := key.(*agent.Key); ok {
		key = parsed(offered)
	}
	name, hash := strings.ToUpper(cfg.FingerprintHash), crypto.SHA256
	switch name {
	case "MD5":
		hash = crypto.MD5
	case "SHA1":
		hash = crypto.SHA1
	case "SHA384":
		hash = crypto.SHA384
	case "SHA512":
		hash = crypto.SHA512
	default:
		name = "SHA256"
	}
	h := hash.New()
	h.Write(plainKey(key).Marshal())
	return name, h.Sum(nil)
}

// The picture's measures, and what a field looks like that was passed through so
// many times. The last two are the start and the end.
const (
	artWidth  = 17
	artHeight = 9
	artMarks  = " .o+=*BOX@%&#/^SE"
)

// randomArt draws a key's fingerprint as ssh does (sshkey.c,
// fingerprint_randomart): each two bits of the hash, the lowest of a byte first,
// are a diagonal step, and the walls hold. The lines are without an end of line
// at the last.
func randomArt(cfg *sshconfig.Config, key ssh.PublicKey) string {
	name, digest := digestFor(cfg, key)
	visits := make([]int, artWidth*artHeight)
	x, y := artWidth/2, artHeight/2
	start := y*artWidth + x
	for _, b := range digest {
		for range 4 {
			x = min(max(x+2*int(b&1)-1, 0), artWidth-1)
			y = min(max(y+int(b&2)-1, 0), artHeight-1)
			visits[y*artWidth+x] = min(visits[y*artWidth+x]+1, len(artMarks)-3)
			b >>= 2
		}
	}
	visits[start] = len(artMarks) - 2
	visits[y*artWidth+x] = len(artMarks) - 1
	var art strings.Builder
	art.WriteString(artBorder(artTitle(key)) + "\n")
	for row := range artHeight {
		art.WriteByte('|')
		for _, n := range visits[row*artWidth : (row+1)*artWidth] {
			art.WriteByte(artMarks[n])
		}
		art.WriteString("|\n")
	}
	return art.String() + artBorder("["+name+"]")
}

// artTitle names the key by its type, and by its size where there is room.
func artTitle(key ssh.PublicKey) string {
	name, bits := keyTypeName(plainKey(key)), keyBits(plainKey(key))
	if _, ok := key.(*ssh.Certificate); ok {
		name += "-CERT"
	}
	if title := fmt.Sprintf("[%s %d]", name, bits); len(title) < artWidth {
		return title
	}
	return "[" + name + "]"
}

func artBorder(text string) string {
	text = text[:min(len(text), artWidth)]
	left := (artWidth - len(text)) / 2
	return "+" + strings.Repeat("-", left) + text + strings.Repeat("-", artWidth-left-len(text)) + "+"
}

// keyBits is a key's size as ssh counts it.
func keyBits(key ssh.PublicKey) int {
	if bits := rsaBits(key); bits > 0 {
		return bits
	}
	switch key.Type() {
	case ssh.KeyAlgoECDSA384:
		return 384
	case ssh.KeyAlgoECDSA521:
		return 521
	case "ssh-dss":
		return 1024
	}
	return 256
}
