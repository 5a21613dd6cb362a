package carriersim

// Received returns the requests that match, in order of arrival. Without a filter it returns all that are kept.
func (s *Server) Received(filter ...Filter) []Request {
	if len(filter) == 0 {
		return s.log.list(Filter{})
	}
	return s.log.list(filter[0])
}

// ClearReceived forgets the received requests and sets the statistics to zero. Accounts, tokens and limits stay.
func (s *Server) ClearReceived() { s.log.clear() }

// Stats returns the counts.
func (s *Server) Stats() Stats { return s.log.snapshot() }

// SetFaults replaces all faults; none clears them.
func (s *Server) SetFaults(list ...Fault) error { return s.faults.set(list) }

// Faults returns the faults in force with their hits.
func (s *Server) Faults() []Fault { return s.faults.get() }

// PutAccount adds or changes an account; a new secret for a known one is a rotation, see Account.OverlapSeconds.
func (s *Server) PutAccount(a Account) error { return s.accounts.put(a) }

// RemoveAccount removes an account with its tokens and says whether it existed.
func (s *Server) RemoveAccount(c Carrier, id string) bool { return s.accounts.remove(c, id) }

// Accounts lists the accounts without secrets.
func (s *Server) Accounts() []AccountInfo { return s.accounts.list() }

// RevokeTokens ends bearer tokens and returns how many; an empty carrier or id means any.
func (s *Server) RevokeTokens(c Carrier, id string) int { return s.accounts.revoke(c, id) }

// SetCertificates says which certificate hosts present from the next handshake on (AnyHost: all without a setting of their own), and
// ends connections as CloseIdle does. Clients that dial an address send no host name and get what AnyHost says.
func (s *Server) SetCertificates(kinds map[string]CertificateKind) error {
	if err := s.face.setCertificates(kinds); err != nil {
		return err
	}
	s.CloseIdle()
	return nil
}

// SetClientAuth changes who must show a client certificate, from the next handshake on, and ends connections as CloseIdle does.
func (s *Server) SetClientAuth(a ClientAuth) error {
	if err := s.face.setClientAuth(a); err != nil {
		return err
	}
	s.CloseIdle()
	return nil
}

// SetPlaintextFirst makes new connections get a plain HTTP answer at once instead of a TLS handshake, and ends old ones as CloseIdle does.
func (s *Server) SetPlaintextFirst(on bool) {
	s.plaintextFirst.Store(on)
	s.CloseIdle()
}

// ChangeSettings changes the non-zero fields and returns the result. Tokens that were issued keep their life.
func (s *Server) ChangeSettings(change Settings) (Settings, error) {
	s.settingsMu.Lock()
	defer s.settingsMu.Unlock()
	next, err := change.over(s.settings)
	if err == nil {
		s.settings = next
	}
	return s.settings, err
}

func (s *Server) currentSettings() Settings {
	s.settingsMu.Lock()
	defer s.settingsMu.Unlock()
	return s.settings
}
