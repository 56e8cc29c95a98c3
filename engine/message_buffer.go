package engine

// Buffer returns an empty buffer with room for n bytes, for a filter that makes a new content.body: what was appended to it may
// be given to [Message.SetBody], and must not be kept otherwise. That of a data message is one that messages share, and goes
// back when the message is done with; so long as nothing grows past n, a message is changed without allocating.
func (m *Message) Buffer(n int) []byte {
	if m.Hook&OnFrame == 0 || n > largeBuffer {
		return make([]byte, 0, n)
	}
	b := takeBuffer(n > smallBuffer)
	m.lent = append(m.lent, b)
	return b.b[:0]
}

// giveBack ends the use of the message's buffers, and of a body that is in one.
func (m *Message) giveBack() {
	if len(m.lent) == 0 {
		return
	}
	m.body = nil
	for i, b := range m.lent {
		giveBuffer(b)
		m.lent[i] = nil
	}
	m.lent = m.lent[:0]
}
