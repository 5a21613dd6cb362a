package carriersim

import (
	"testing"
	"time"
)

func TestSecretRotation(t *testing.T) {
	for name, c := range map[string]struct {
		overlap  int
		step     time.Duration
		oldWorks bool
	}{
		"no overlap: the old secret dies at once": {0, 0, false},
		"within the overlap both work":            {60, 59 * time.Second, true},
		"after the overlap the old one is dead":   {60, 60 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, clock := startSim(t)
			token := upsToken(t, s)
			if err := s.PutAccount(Account{Carrier: UPS, ID: upsID, Secret: "ups-secret-2", OverlapSeconds: c.overlap}); err != nil {
				t.Fatal(err)
			}
			clock.Step(c.step)
			if got := upsTokenCall(t, s, upsID, upsSecret).StatusCode == 200; got != c.oldWorks {
				t.Errorf("the old secret works: %v, want %v", got, c.oldWorks)
			}
			upsTokenCall(t, s, upsID, "ups-secret-2").json(t, 200)
			upsRate(t, s, token).json(t, 200) // a token outlives the secret that it came from
		})
	}
}

func TestRotationCanEndTokens(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	if err := s.PutAccount(Account{Carrier: UPS, ID: upsID, Secret: "ups-secret-2", RevokeTokens: true}); err != nil {
		t.Fatal(err)
	}
	upsRate(t, s, token).json(t, 401)
}

func TestDisabledAndRemovedAccounts(t *testing.T) {
	s, _ := startSim(t)
	token := upsToken(t, s)
	if err := s.PutAccount(Account{Carrier: UPS, ID: upsID, Disabled: true}); err != nil {
		t.Fatal(err)
	}
	expect(t, upsTokenCall(t, s, upsID, upsSecret).json(t, 403), "Blocked Merchant", "response", "errors", 0, "message")
	upsRate(t, s, token).json(t, 401)
	if err := s.PutAccount(Account{Carrier: UPS, ID: upsID}); err != nil {
		t.Fatal(err)
	}
	upsRate(t, s, token).json(t, 200)
	if !s.RemoveAccount(UPS, upsID) || s.RemoveAccount(UPS, upsID) {
		t.Error("removing must say once that the account was there")
	}
	upsRate(t, s, token).json(t, 401)
	for name, a := range map[string]Account{
		"no carrier": {ID: "x", Secret: "y"}, "no id": {Carrier: UPS, Secret: "y"}, "no secret": {Carrier: UPS, ID: "x"},
		"negative overlap": {Carrier: UPS, ID: "x", Secret: "y", OverlapSeconds: -1},
	} {
		if s.PutAccount(a) == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestStaticCredentials(t *testing.T) {
	s, _ := startSim(t)
	body := `{"from":{"country":"DE","postalCode":"10115"},"to":{"country":"DE","postalCode":"80331"},"grams":1200}`
	want := Quote{"DE", "10115", "DE", "80331", 1200, "standard"}.Amount()
	for name, c := range map[string]struct {
		host    string
		headers []string
		status  int
	}{
		"key":                    {HostAPIKey, []string{"X-API-Key", "key-1"}, 200},
		"key and user":           {HostAPIKey, []string{"X-API-Key", "key-1", "X-API-Uid", "key-user"}, 200},
		"key of another user":    {HostAPIKey, []string{"X-API-Key", "key-1", "X-API-Uid", "other"}, 401},
		"wrong key":              {HostAPIKey, []string{"X-API-Key", "guess"}, 401},
		"no key":                 {HostAPIKey, nil, 401},
		"basic at the key's":     {HostAPIKey, []string{"Authorization", basic("basic-user", "basic-1")}, 401},
		"basic":                  {HostBasic, []string{"Authorization", basic("basic-user", "basic-1")}, 200},
		"wrong password":         {HostBasic, []string{"Authorization", basic("basic-user", "guess")}, 401},
		"nothing":                {HostBasic, nil, 401},
		"key on the common host": {"localhost", []string{"X-API-Key", "key-1"}, 200},
		"basic on the same":      {"localhost", []string{"Authorization", basic("basic-user", "basic-1")}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			a := send(t, s, "POST", "https://"+c.host+"/v1/rates", body, c.headers...)
			got := a.json(t, c.status)
			if c.status == 200 {
				expect(t, got, want, "amount")
			}
			if c.host == HostBasic && c.status == 401 && a.Header.Get("WWW-Authenticate") == "" {
				t.Error("no challenge")
			}
		})
	}
	expect(t, send(t, s, "GET", "https://"+HostAPIKey+"/v1/parcels/77", "", "X-API-Key", "key-1").json(t, 200), "77", "number")
	send(t, s, "POST", "https://"+HostBasic+"/v1/rates", "{}", "Authorization", basic("basic-user", "basic-1")).json(t, 400)
	if err := s.PutAccount(Account{Carrier: APIKey, ID: "key-user", Disabled: true}); err != nil {
		t.Fatal(err)
	}
	send(t, s, "POST", "https://"+HostAPIKey+"/v1/rates", body, "X-API-Key", "key-1").json(t, 403)
}
