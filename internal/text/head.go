package text

// Head is a writer that keeps the first Left bytes and drops the rest, without
// an error: the program that writes goes on.
type Head struct {
	Kept []byte
	Left int  // how many bytes it still takes
	Over bool // it has dropped some
}

func (h *Head) Write(p []byte) (int, error) {
	n := min(len(p), h.Left)
	h.Left -= n
	h.Kept = append(h.Kept, p[:n]...)
	h.Over = h.Over || n < len(p)
	return len(p), nil
}
