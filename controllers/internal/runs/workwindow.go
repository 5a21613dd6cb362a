package runs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/carrier-operator/carrier-operator/api/v1alpha1"
)

// ParseZone returns the zone of an IANA name; empty is UTC.
func ParseZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	// "Local" would make a run depend on where the operator runs.
	if name == "Local" {
		return nil, errors.New(`time zone "Local" depends on the machine: use an IANA name such as Europe/Berlin`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is unknown: use an IANA name such as Europe/Berlin", name)
	}
	return zone, nil
}

// foresight is how far ahead the next change is looked for: further than a window of one day a week that a change of the clocks swallows.
const foresight = 15 * 24 * time.Hour

// WorkWindow says whether one of the windows is open, and when that changes next; zero: not in the next 15 days. A window is open while the
// clocks of the zone show a time in it: an hour that they skip is in none, an hour that they repeat is in it twice. Without windows it is always open.
func WorkWindow(windows []v1alpha1.WorkWindow, zone *time.Location, now time.Time) (open bool, until time.Time) {
	open = inWindow(windows, now.In(zone))
	if len(windows) == 0 {
		return true, time.Time{}
	}
	// Minute by minute: no arithmetic on wall clocks, which changes of the clocks would break.
	for at := now.Truncate(time.Minute).Add(time.Minute); at.Sub(now) <= foresight; at = at.Add(time.Minute) {
		if inWindow(windows, at.In(zone)) != open {
			return open, at
		}
	}
	return open, time.Time{}
}

func inWindow(windows []v1alpha1.WorkWindow, local time.Time) bool {
	clock := local.Format("15:04")
	today, yesterday := local.Weekday(), (local.Weekday()+6)%7
	return len(windows) == 0 || slices.ContainsFunc(windows, func(w v1alpha1.WorkWindow) bool {
		if w.From < w.To {
			return w.From <= clock && clock < w.To && begins(w, today)
		}
		return w.From <= clock && begins(w, today) || clock < w.To && begins(w, yesterday)
	})
}

// begins says whether the window begins on that day.
func begins(w v1alpha1.WorkWindow, day time.Weekday) bool {
	return len(w.Days) == 0 || slices.Contains(w.Days, v1alpha1.DayOfWeek(day.String()))
}
