package carriersim

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// party is one side of a parcel.
type party struct {
	Name, Attention, Phone string
	Lines                  []string
	City, State, Postal    string
	Country                string
}

// parcel is what a carrier remembers of a shipment.
type parcel struct {
	Number   string
	From, To party
	Service  string
	Quote    Quote
	Created  time.Time
	Voided   bool
}

const maxParcels = 10_000

// parcels are the shipments made here, oldest forgotten first.
type parcels struct {
	mu    sync.Mutex
	seq   int
	all   map[string]*parcel
	order []string
}

// add stores p under a number made by number from a running count.
func (s *parcels) add(p parcel, number func(seq int) string) parcel {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*parcel{}
	}
	s.seq++
	p.Number = number(s.seq)
	s.all[p.Number] = &p
	if s.order = append(s.order, p.Number); len(s.order) > maxParcels {
		delete(s.all, s.order[0])
		s.order = s.order[1:]
	}
	return p
}

func (s *parcels) get(number string) (parcel, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.all[number]; p != nil {
		return *p, true
	}
	return parcel{}, false
}

// void marks a parcel and returns how it was before.
func (s *parcels) void(number string) (before parcel, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.all[number]
	if p == nil {
		return parcel{}, false
	}
	before, p.Voided = *p, true
	return before, true
}

// somebodysParcel stands in for numbers that were not made here, so that any valid number can be tracked.
func somebodysParcel(number string, now time.Time) parcel {
	return parcel{
		Number: number, Service: "03", Created: now.AddDate(0, 0, -3),
		From: party{Name: "SAMPLE SHIPPER", Lines: []string{"1 ORIGIN ROAD"}, City: "TIMONIUM", State: "MD", Postal: "21093", Country: "US"},
		To: party{Name: "SAMPLE RECIPIENT", Attention: "FRONT DESK", Phone: "5550100", Lines: []string{"2 DESTINATION STREET"},
			City: "ALPHARETTA", State: "GA", Postal: "30005", Country: "US"},
	}
}

// upsNumber builds a 1Z number with its check digit: letters count as (code-63) mod 10, every second figure doubles.
func upsNumber(shipper, service string, seq int) string {
	body := fmt.Sprintf("%s%s%07d", fit(plain(shipper), 6), fit(service, 2), seq%10_000_000)
	sum := 0
	for i, c := range body {
		v := int(c - '0')
		if c >= 'A' {
			v = int(c-63) % 10
		}
		sum += v * (1 + i%2)
	}
	return fmt.Sprintf("1Z%s%d", body, (10-sum%10)%10)
}

// fedexNumber builds a 12-digit number with its check digit (weights 3, 1, 7; modulo 11, then 10).
func fedexNumber(seq int) string {
	body := fmt.Sprintf("7%010d", seq)
	sum := 0
	for i, c := range body {
		sum += int(c-'0') * [3]int{3, 1, 7}[i%3]
	}
	return fmt.Sprintf("%s%d", body, sum%11%10)
}

// fit keeps the letters and digits of s, cut or filled up with zeros to n.
func fit(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
	return (s + strings.Repeat("0", n))[:n]
}
