package hostkey

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// testOffer is the payload of an offer of these keys.
func testOffer(keys ...ssh.PublicKey) (payload []byte) {
	for _, key := range keys {
		payload = appendString(payload, key.Marshal())
	}
	return payload
}

func readKey(t testing.TB, file string) (ssh.Signer, ssh.PublicKey) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return signer, signer.PublicKey()
}

// makeKeys makes an ed25519, an ECDSA and an RSA key.
func makeKeys(t testing.TB) (signers []ssh.Signer, keys []ssh.PublicKey) {
	t.Helper()
	for _, keyType := range []string{"ed25519", "ecdsa", "rsa"} {
		file := t.TempDir() + "/key"
		if out, err := exec.Command("ssh-keygen", "-q", "-t", keyType, "-N", "", "-f", file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		signer, key := readKey(t, file)
		signers, keys = append(signers, signer), append(keys, key)
	}
	return signers, keys
}

func anyKey(ssh.PublicKey) bool { return true }

func TestParseOffer(t *testing.T) {
	signers, keys := makeKeys(t)
	cert := &ssh.Certificate{Key: keys[0], CertType: ssh.HostCert, ValidPrincipals: []string{"host"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signers[1]); err != nil {
		t.Fatal(err)
	}
	good := testOffer(keys...)
	var many []byte
	for range maxOfferedKeys + 1 {
		many = appendString(many, []byte("x"))
	}
	for _, test := range []struct {
		name    string
		payload []byte
		keys    int // -1: refused
	}{
		{"empty", nil, 0},
		{"three", good, 3},
		{"certificate", append(testOffer(cert), good...), 3},
		{"unknown type", append(appendString(nil, appendString(nil, []byte("ssh-frob"))), good...), 3},
		{"trailing bytes in a key", append(appendString(nil, append(keys[0].Marshal(), 0)), testOffer(keys[1])...), 1},
		{"twice", append(good, testOffer(keys[0])...), -1},
		{"cut short", good[:len(good)-1], -1},
		{"trailing bytes", append(slices.Clone(good), 0), -1},
		{"as many as may be", many[5:], 0},
		{"too many", many, -1},
	} {
		got, err := parseOffer(test.payload, anyKey)
		if bad := (*sshconn.ProtocolError)(nil); errors.As(err, &bad) != (test.keys < 0) || err == nil && len(got) != test.keys {
			t.Errorf("%s: %d keys, %v", test.name, len(got), err)
		}
	}
	if got, err := parseOffer(good, func(k ssh.PublicKey) bool { return k.Type() == "ssh-rsa" }); err != nil || len(got) != 1 {
		t.Errorf("filtered: %d keys, %v", len(got), err)
	}
}

// TestCheckProofs has a server that lies.
func TestCheckProofs(t *testing.T) {
	signers, keys := makeKeys(t)
	session := []byte("session")
	sign := func(i int, algorithm string, data []byte) []byte {
		t.Helper()
		signature, err := signers[i].(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, data, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		return appendString(nil, ssh.Marshal(signature))
	}
	proof := func(i int, algorithm string) []byte { return sign(i, algorithm, proofData(session, keys[i])) }
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	ed, ec := proof(0, ssh.KeyAlgoED25519), proof(1, ssh.KeyAlgoECDSA256)
	for _, test := range []struct {
		name  string
		reply []byte
		rsa   string
		weak  int // -1: refused
	}{
		{"good", join(ed, ec, proof(2, ssh.KeyAlgoRSASHA512)), "", 0},
		{"as in the key exchange", join(ed, ec, proof(2, ssh.KeyAlgoRSASHA256)), ssh.KeyAlgoRSASHA256, 0},
		{"SHA-1 as in the key exchange", join(ed, ec, proof(2, ssh.KeyAlgoRSA)), ssh.KeyAlgoRSA, 0},
		{"weak", join(ed, ec, proof(2, ssh.KeyAlgoRSA)), "", 1},
		{"other than in the key exchange", join(ed, ec, proof(2, ssh.KeyAlgoRSASHA256)), ssh.KeyAlgoRSASHA512, -1},
		{"weaker than in the key exchange", join(ed, ec, proof(2, ssh.KeyAlgoRSA)), ssh.KeyAlgoRSASHA512, -1},
		{"none", nil, "", -1},
		{"one is missing", join(ed, ec), "", -1},
		{"one too many", join(ed, ec, proof(2, ssh.KeyAlgoRSASHA512), ed), "", -1},
		{"wrong order", join(ec, ed, proof(2, ssh.KeyAlgoRSASHA512)), "", -1},
		{"another session", join(sign(0, ssh.KeyAlgoED25519, proofData([]byte("x"), keys[0])), ec, proof(2, ssh.KeyAlgoRSASHA512)), "", -1},
		{"another key", join(sign(0, ssh.KeyAlgoED25519, proofData(session, keys[1])), ec, proof(2, ssh.KeyAlgoRSASHA512)), "", -1},
		{"junk", join(appendString(nil, []byte("x")), ec, proof(2, ssh.KeyAlgoRSASHA512)), "", -1},
	} {
		weak, err := checkProofs(test.reply, session, keys, test.rsa)
		if bad := (*sshconn.ProtocolError)(nil); errors.As(err, &bad) != (test.weak < 0) || err == nil && len(weak) != test.weak {
			t.Errorf("%s: %d weak, %v", test.name, len(weak), err)
		}
	}
}

func FuzzOffer(f *testing.F) {
	signers, keys := makeKeys(f)
	f.Add(testOffer(keys...), []byte{}, "")
	signature, err := signers[0].Sign(rand.Reader, proofData(nil, keys[0]))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(testOffer(keys[0]), appendString(nil, ssh.Marshal(signature)), ssh.KeyAlgoRSASHA256)
	f.Add([]byte{0, 0, 0, 1}, []byte{0xff, 0xff, 0xff, 0xff}, "")
	f.Fuzz(func(t *testing.T, payload, reply []byte, rsaAlgorithm string) {
		offered, err := parseOffer(payload, anyKey)
		if err != nil {
			return
		}
		if len(offered) > maxOfferedKeys || len(offered)*4 > len(payload) {
			t.Errorf("%d keys in %d bytes", len(offered), len(payload))
		}
		weak, err := checkProofs(reply, nil, offered, rsaAlgorithm)
		if err == nil && len(reply) < 4*len(offered) {
			t.Errorf("%d keys are proven by %d bytes", len(offered), len(reply))
		}
		if slices.ContainsFunc(weak, func(k ssh.PublicKey) bool { return k.Type() != ssh.KeyAlgoRSA || rsaAlgorithm != "" }) {
			t.Errorf("too weak: %v", weak)
		}
	})
}
