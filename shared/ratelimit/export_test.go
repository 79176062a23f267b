package ratelimit

// Len is how many keys a limiter knows.
func (l *Limiter) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.table.entries)
}
