package engine

import "testing"

func TestEveryAttributeHasItsManual(t *testing.T) {
	for _, name := range EngineAttributes() {
		if AttributeText(name) == "" {
			t.Errorf("attributeManual does not say what %s is", name)
		}
	}
	for name := range attributeManual {
		if _, known := attributes[name]; !known {
			t.Errorf("attributeManual has %s, which the engine does not set", name)
		}
	}
}
