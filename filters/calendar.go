package filters

import "time"

// calendarEnds are the periods of the calendar, with when the one that a time
// lies in is over. The time is in the author's zone.
var calendarEnds = map[string]func(time.Time) time.Time{
	"hour": func(t time.Time) time.Time {
		_, offset := t.Zone() // some zones are half an hour off
		local := t.Unix() + int64(offset)
		return time.Unix(local-local%3600+3600-int64(offset), 0)
	},
	"day": func(t time.Time) time.Time { return midnight(t, t.Month(), t.Day()+1) },
	// A week begins on Monday (ISO 8601).
	"week":  func(t time.Time) time.Time { return midnight(t, t.Month(), t.Day()+7-(int(t.Weekday())+6)%7) },
	"month": func(t time.Time) time.Time { return midnight(t, t.Month()+1, 1) },
}

// midnight is when a day after t begins: at one o'clock where clocks are put
// forward at midnight, and a day later where the day was left out of the calendar.
func midnight(t time.Time, month time.Month, day int) time.Time {
	for ; ; day++ {
		begins := time.Date(t.Year(), month, day, 0, 0, 0, 0, t.Location())
		if begins.Hour() > 12 { // the evening before: that midnight does not exist
			begins = begins.Add(time.Hour)
		}
		if begins.After(t) {
			return begins
		}
	}
}
