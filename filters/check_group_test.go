package filters_test

import (
	"strings"
	"testing"
)

const groupPolicy = `
policies:
  admit:
    filters:
      - {type: api-key, store: clients}
      - {type: check-group, %s}
      - {type: connect-to-url, url: ws://HOST/}
stores:
  clients:
    records:
      list: {key: 'KEY1', groups: [admins, ops], realm: {roles: [root]}}
      text: {key: 'KEY2', groups: 'admins, ops guests', subject: u-2}
      none: {key: 'KEY3'}
      odd: {key: 'KEY4', groups: [1, 2]}
  people: {records: {u-2: {groups: [staff]}, x: {subject: list, groups: staff}}}
`

func withKeys(text string) string {
	for _, n := range []string{"1", "2", "3", "4"} {
		text = strings.ReplaceAll(text, "KEY"+n, hash("sha256", "k-"+n))
	}
	return text
}

func TestCheckGroupOnUpgrades(t *testing.T) {
	for settings, want := range map[string][4]int{ // list, text, none, odd
		"groups: [admins]":                          {101, 101, 403, 500},
		"groups: admins":                            {101, 101, 403, 500},
		"groups: [guests, others]":                  {403, 101, 403, 500},
		"groups: [ops, guests], match: all":         {403, 101, 403, 500},
		"groups: [admins, ops], match: all":         {101, 101, 403, 500},
		"groups: [Admins]":                          {403, 403, 403, 500},
		"groups: [admins, ops, admins, x]":          {101, 101, 403, 500},
		"groups: [root], field: realm.roles":        {101, 403, 403, 403},
		"groups: [staff], store: people":            {101, 101, 403, 403},
		"groups: [admins], store: people":           {403, 403, 403, 403},
		"groups: ['1'], field: plan, store: people": {403, 403, 403, 403},
	} {
		g := start(t, "onUpgrade: admit", withKeys(strings.Replace(groupPolicy, "%s", settings, 1)))
		for i, status := range want {
			_, answer, _ := g.upgrade("/chat", "X-Api-Key", "k-"+string(rune('1'+i)))
			if answer.StatusCode != status {
				t.Errorf("%s: client %d got %d, want %d", settings, i+1, answer.StatusCode, status)
			}
		}
	}
}

func TestCheckGroupAbortsWhenNobodyIsAuthenticated(t *testing.T) {
	g := start(t, "onUpgrade: admit", withKeys(strings.Replace(strings.Replace(groupPolicy, "%s", "groups: [admins]", 1), "store: clients}", "store: clients, failure: check-group}", 1)))
	g.refuses(500, "/chat")
	g.log.wait(t, "nobody is authenticated", 1)
}

func TestCheckGroupOnMessages(t *testing.T) {
	policy := strings.Replace(groupPolicy, "\n      - {type: check-group, %s}", "", 1)
	policy = strings.Replace(policy, "\nstores:", `
  admins:
    filters:
      - {type: check-group, groups: [guests]}
  anybody:
    filters:
      - {type: connect-to-url, url: ws://HOST/}
stores:`, 1)
	g := start(t, "onUpgrade: admit\nonClientFrame: admins", withKeys(policy))
	says(t, g.open("/chat", "X-Api-Key", "k-2"), "hello", "hello")
	closes(t, g.open("/chat", "X-Api-Key", "k-1"), "hello", 1008, "")
	answers := start(t, "onUpgrade: admit\nonServerFrame: admins", withKeys(policy))
	says(t, answers.open("/chat", "X-Api-Key", "k-2"), "hello", "hello")
	closes(t, answers.open("/chat", "X-Api-Key", "k-1"), "hello", 1008, "")
	nobody := start(t, "onUpgrade: anybody\nonClientFrame: admins", withKeys(policy))
	closes(t, nobody.open("/chat"), "hello", 1011, "")
}
