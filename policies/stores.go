package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"gopkg.in/yaml.v3"

	"framegate/engine"
)

// stores loads the records of every store.
func (c *compiler) loadStores() {
	for _, name := range names(c.config.Stores) {
		store := c.config.Stores[name]
		c.stores[name] = engine.NewStore(name, nil) // so that filters find it, whatever is wrong with its records
		records := store.Records
		switch {
		case store.File != "" && store.Records != nil:
			c.errorf(store.place, "delete one of the two", "store %q has both `file` and `records`", name)
			continue
		case store.File == "" && store.Records == nil:
			c.errorf(store.place, "write `"+name+": {file: stores/"+name+".yaml}`, or the records below `records:`", "store %q has no records", name)
			continue
		case store.File != "":
			records = c.recordsOf(store.at("file"), name, store.File)
		}
		values := make(map[string]engine.Value, len(records))
		for key, record := range records {
			values[key] = engine.TreeValue(record)
		}
		c.stores[name] = engine.NewStore(name, values)
		c.storeHashes[name] = hashRecords(records)
	}
}

// recordsOf reads a file of records: a map from keys to records.
func (c *compiler) recordsOf(at place, store, name string) map[string]any {
	s := c.reader.records(at, name)
	if s == nil || s.root == nil {
		return nil
	}
	if s.root.Kind != yaml.MappingNode {
		c.errorf(s.at(s.root), "write `KEY: {…}` for each record, such as `alice: {password: …}`; the key is what is looked up", "the records of store %q must be a map", store)
		return nil
	}
	d := &decoder{report: c.report, source: s, written: c.reader.written}
	records := make(map[string]any, len(s.root.Content)/2)
	for i := 0; i+1 < len(s.root.Content); i += 2 {
		key, value := s.root.Content[i], s.root.Content[i+1]
		if isNull(value) {
			c.errorf(s.at(key), "write the record after the colon, or `{}`", "record %q of store %q is empty", key.Value, store)
			continue
		}
		records[key.Value] = d.tree(value)
	}
	return records
}

// hashRecords is a hash over records, whatever their order.
func hashRecords(records map[string]any) string {
	text, err := json.Marshal(records)
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
