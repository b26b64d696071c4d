package doctor

func (c Check) fails(kind Kind, subject, detail string, err error) Check {
	c.State, c.Problem = Fail, &Problem{Kind: kind, Subject: subject, Detail: detail, Err: err}
	return c
}

func (c Check) warns(kind Kind, subject, detail string, err error) Check {
	c.State, c.Problem = Warn, &Problem{Kind: kind, Subject: subject, Detail: detail, Err: err}
	return c
}

func (c Check) skips(kind Kind, subject string) Check {
	c.State, c.Problem = Skip, &Problem{Kind: kind, Subject: subject}
	return c
}

// newCheck returns a check in which nothing is wrong so far.
func newCheck(place Place, name string) Check {
	return Check{Name: name, Place: place, State: OK, Facts: map[string]string{}}
}
