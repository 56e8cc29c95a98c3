package filters

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the zones, for machines that have none

	"framegate/engine"
)

func init() {
	register[timeWindow](Kind{Type: "time-window", Family: Access, Hooks: engine.OnAny})
}

// Passes at the times that it says: on some days of the week, between two times of
// the day, in some part of the year. A refused upgrade gets 403. As in Axway's Time filter.
//
// A window that ends at or before its beginning goes over midnight, and belongs to the day
// on which it began: with days: [fri], from: '22:00' and to: '06:00' it is open on Saturday
// morning, and not on Friday morning.
//
//	filters:
//	  - type: time-window
//	    days: [mon, tue, wed, thu, fri]
//	    from: '09:00'
//	    to: '17:00'
//	    zone: Europe/Berlin
//	    except: [2026-12-24, 2026-12-31]
type timeWindow struct {
	// Days are the days of the week. None given: every day.
	Days []string `yaml:"days" oneof:"mon tue wed thu fri sat sun"`

	// From is when the window begins: hours and minutes, and seconds if wanted.
	From clockTime `yaml:"from" default:"00:00"`

	// To is when it ends; that moment is not part of it.
	To clockTime `yaml:"to" default:"24:00"`

	// Zone is the time zone by its name in the IANA database, such as Europe/Berlin.
	Zone string `yaml:"zone" default:"UTC"`

	// NotBefore is the first day on which the window opens, such as 2026-11-01. None given: any.
	NotBefore calendarDay `yaml:"notBefore"`

	// NotAfter is the last day on which it opens. None given: any.
	NotAfter calendarDay `yaml:"notAfter"`

	// Except lists days on which it does not open, such as holidays.
	Except []calendarDay `yaml:"except"`

	// CloseAtEnd ends the sessions that an upgrade policy lets in, with close code 1001, when the window ends, unless another
	// begins at that moment.
	CloseAtEnd bool `yaml:"closeAtEnd"`

	zone *time.Location
	days [7]bool
}

// weekdays are the days in the order of [time.Weekday].
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (f *timeWindow) Prepare(env *Env) (err error) {
	if f.zone, err = time.LoadLocation(f.Zone); err != nil || f.Zone == "Local" {
		return wrong("zone", "write a name such as Europe/Berlin, or UTC", "there is no time zone %q", f.Zone)
	}
	for i, name := range weekdays {
		f.days[i] = len(f.Days) == 0 || slices.Contains(f.Days, name)
	}
	switch {
	case f.From == f.To:
		return wrong("to", "leave both out for the whole day", "the window ends when it begins")
	case f.From >= day24:
		return wrong("from", "write 00:00", "the day is over at 24:00")
	case !f.NotAfter.IsZero() && f.NotAfter.Before(f.NotBefore.Time):
		return wrong("notAfter", "write a later day, or exchange the two", "%s is before %s", f.NotAfter, f.NotBefore)
	case f.CloseAtEnd && env.Hooks != 0 && env.Hooks&engine.OnUpgrade == 0:
		return wrong("closeAtEnd", "put the filter into an onUpgrade policy, or leave it out", "sessions begin in onUpgrade, and this policy runs in %s only", env.Hooks)
	}
	return nil
}

func (f *timeWindow) Run(m *engine.Message) (bool, error) {
	now := m.Now()
	end, open := f.open(now)
	if !open {
		m.Fail(403, "outside of the window of time")
		return false, nil
	}
	if f.CloseAtEnd && m.Hook == engine.OnUpgrade {
		if last, ends := f.last(end); ends {
			m.Session.EndBy(last, closeAtEndCode)
		}
	}
	return true, nil
}

// closeAtEndCode is going away: the session is over, and nobody did anything wrong.
const closeAtEndCode = 1001

// open tells whether the window is open at a time, and until when.
func (f *timeWindow) open(now time.Time) (end time.Time, open bool) {
	year, month, day := now.In(f.zone).Date()
	for back := range 2 { // it may have begun yesterday
		day := time.Date(year, month, day-back, 0, 0, 0, 0, time.UTC)
		if begin, end := f.span(day); f.opens(day) && !now.Before(begin) && now.Before(end) {
			return end, true
		}
	}
	return end, false
}

// opens tells whether a window begins on a day, which is written as UTC.
func (f *timeWindow) opens(day time.Time) bool {
	return f.days[day.Weekday()] && !day.Before(f.NotBefore.Time) && (f.NotAfter.IsZero() || !day.After(f.NotAfter.Time)) &&
		!slices.ContainsFunc(f.Except, func(closed calendarDay) bool { return closed.Equal(day) })
}

// span is the window that begins on a day.
func (f *timeWindow) span(day time.Time) (begin, end time.Time) {
	if begin = f.From.on(day, f.zone); f.To <= f.From {
		return begin, f.To.on(day.AddDate(0, 0, 1), f.zone)
	}
	return begin, f.To.on(day, f.zone)
}

// maxWindows is how many windows that touch are looked at: a year of whole days.
const maxWindows = 366

// last is the end of the last of the windows that touch one which ends at a time;
// ends is false where there is none within a year.
func (f *timeWindow) last(end time.Time) (last time.Time, ends bool) {
	for range maxWindows {
		next, open := f.open(end)
		if !open {
			return end, true
		}
		end = next
	}
	return end, false
}

// clockTime is a time of the day, in seconds from its beginning: 09:00, 23:59:30, 24:00.
type clockTime int

const day24 = clockTime(24 * 60 * 60)

// UnmarshalText reads hours, minutes and perhaps seconds.
func (c *clockTime) UnmarshalText(text []byte) error {
	if string(text) == "24:00" {
		*c = day24
		return nil
	}
	for _, layout := range []string{"15:04", time.TimeOnly} {
		if at, err := time.Parse(layout, string(text)); err == nil && strings.IndexByte(string(text), ':') == 2 {
			*c = clockTime(at.Hour()*60*60 + at.Minute()*60 + at.Second())
			return nil
		}
	}
	return fmt.Errorf("time %q: write hours and minutes in quotes, such as '09:00'", text)
}

// on is the moment of that time on a day.
func (c clockTime) on(day time.Time, zone *time.Location) time.Time {
	year, month, d := day.Date()
	return time.Date(year, month, d, 0, 0, int(c), 0, zone)
}

// calendarDay is a day without a zone: its beginning in UTC.
type calendarDay struct{ time.Time }

// UnmarshalText reads year, month and day.
func (d *calendarDay) UnmarshalText(text []byte) (err error) {
	if d.Time, err = time.Parse(time.DateOnly, string(text)); err != nil {
		return fmt.Errorf("day %q: write year, month and day, such as 2026-12-24", text)
	}
	return nil
}

// String writes what UnmarshalText reads.
func (d calendarDay) String() string { return d.Format(time.DateOnly) }
