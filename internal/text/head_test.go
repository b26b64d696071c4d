package text

import "testing"

func TestHead(t *testing.T) {
	h := Head{Left: 4}
	for _, part := range []string{"abc", "", "d", "ef", "g"} {
		if n, err := h.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%q: %d, %v", part, n, err)
		}
		if full := part == "ef" || part == "g"; h.Over != full {
			t.Errorf("after %q: over is %v", part, h.Over)
		}
	}
	if string(h.Kept) != "abcd" {
		t.Errorf("kept %q", h.Kept)
	}
}
