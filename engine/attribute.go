package engine

import (
	"strings"
	"unique"
)

// Attr names an attribute. Making one costs a look-up, so filters and
// selectors do it when they load; comparing two is comparing two pointers.
type Attr struct {
	name  unique.Handle[string]
	kind  attrKind
	key   string // what follows a family's prefix: params.query.KEY
	inner *Attr  // what follows websock.context.
}

// attrKind tells attributes that the engine computes from those that filters set.
type attrKind uint8

const (
	ordinary attrKind = iota
	contentBody
	httpHeaders
	httpHeader // a family: http.header.NAME
	queryParam // a family: params.query.NAME
	destinationHost
	destinationPort
	destinationProtocol
	pathParam // a family: params.path.NAME
	httpPath
	requestURI
	requestPath
	requestVerb
	requestHost
	requestQuery
	requestClient
	requestCert
	requestSubject
	responseStatus
	sessionID
	sessionVar     // a family: websock.session.NAME
	upgradeContext // websock.context
	upgradeMember  // a family: websock.context.ATTRIBUTE
	frameOrigin
	contentType
	frameOpcode
	frameLength
	frameFragments
	frameSeq
	wsSubprotocol
	wsOpened
	wsDuration
	wsPath
	wsPort
	closeCode
	closeReason
	closeBy
	framesIn
	framesOut
	bytesIn
	bytesOut
	identitySubject // this and what follows: of who the client is, see Identity; filters may set it
	identityMethod
	identityFormat
	identityRole
	identityIssuer
	identityAttributes
	identityScope
	identityExpires
	circuitName
	circuitPath
	circuitException
	circuitReason
)

// attributes lists what the engine itself sets: the name, and the hooks in
// which it has a value. A name that ends in a dot is a family.
// Names follow Axway's (KB #177173 and its policy reference).
var attributes = map[string]struct {
	kind  attrKind
	hooks Hook
}{
	"content.body":                      {contentBody, OnFrame | OnHTTP},
	"content.type":                      {contentType, OnFrame},
	"http.headers":                      {httpHeaders, OnHTTP},
	"http.header.":                      {httpHeader, OnHTTP},
	"params.query.":                     {queryParam, OnHTTP},
	"http.destination.host":             {destinationHost, 0}, // 0: only where a router has set it
	"http.destination.port":             {destinationPort, 0},
	"http.destination.protocol":         {destinationProtocol, 0},
	"params.path.":                      {pathParam, OnHTTP},
	"http.path":                         {httpPath, OnHTTP},
	"http.request.uri":                  {requestURI, OnHTTP},
	"http.request.rawURI":               {requestURI, OnHTTP},
	"http.request.path":                 {requestPath, OnHTTP},
	"http.request.verb":                 {requestVerb, OnHTTP},
	"http.request.host":                 {requestHost, OnHTTP},
	"http.querystring":                  {requestQuery, OnHTTP},
	"http.request.clientaddr":           {requestClient, OnAny},
	"http.request.clientcert":           {requestCert, OnHTTP},
	"http.request.clientcert.subject":   {requestSubject, OnHTTP},
	"http.response.status":              {responseStatus, OnHTTP},
	"id":                                {sessionID, OnAny},
	"websock.connection.id":             {sessionID, OnAny},
	"websock.session.":                  {sessionVar, OnAny},
	"websock.context":                   {upgradeContext, OnFrame | OnClose},
	"websock.context.":                  {upgradeMember, OnFrame | OnClose},
	"websock.origin":                    {frameOrigin, OnFrame},
	"websock.opcode":                    {frameOpcode, OnFrame},
	"websock.message.length":            {frameLength, OnFrame},
	"websock.fragments":                 {frameFragments, OnFrame},
	"websock.frame.seq":                 {frameSeq, OnFrame},
	"websock.subprotocol":               {wsSubprotocol, OnFrame | OnClose},
	"websock.opened":                    {wsOpened, OnFrame | OnClose},
	"websock.duration":                  {wsDuration, OnFrame | OnClose},
	"websock.path":                      {wsPath, OnUpgrade | OnFrame | OnClose},
	"websock.port":                      {wsPort, OnAny},
	"websock.close.code":                {closeCode, OnClose},
	"websock.close.reason":              {closeReason, OnClose},
	"websock.close.by":                  {closeBy, OnClose},
	"websock.frames.in":                 {framesIn, OnFrame | OnClose},
	"websock.frames.out":                {framesOut, OnFrame | OnClose},
	"websock.bytes.in":                  {bytesIn, OnFrame | OnClose},
	"websock.bytes.out":                 {bytesOut, OnFrame | OnClose},
	"authentication.subject.id":         {identitySubject, OnFrame | OnClose},
	"authentication.subject.format":     {identityFormat, OnFrame | OnClose},
	"authentication.subject.role":       {identityRole, OnFrame | OnClose},
	"authentication.subject.attributes": {identityAttributes, OnFrame | OnClose},
	"authentication.method":             {identityMethod, OnFrame | OnClose},
	"authentication.issuer.id":          {identityIssuer, OnFrame | OnClose},
	"authentication.scope":              {identityScope, OnFrame | OnClose},
	"authentication.expires":            {identityExpires, OnFrame | OnClose},
	"attribute.lookup.list":             {identityAttributes, OnFrame | OnClose},
	"circuit.name":                      {circuitName, OnAny},
	"circuit.path":                      {circuitPath, OnAny},
	"circuit.exception":                 {circuitException, OnAny},
	"circuit.failure.reason":            {circuitReason, OnAny},
}

// AttributeHooks tells in which hooks the engine itself gives the attribute a
// value; 0 for a name that only filters and scripts can set.
func AttributeHooks(name string) Hook {
	entry, _ := lookUp(name)
	return entry.hooks
}

// Writable tells whether filters and scripts may set an attribute: all that the
// engine does not set, and a few that it does.
func Writable(name string) bool {
	entry, _ := lookUp(name)
	return entry.hooks == 0 || entry.kind.writable()
}

// Removable tells whether filters and scripts may remove an attribute.
func Removable(name string) bool {
	entry, _ := lookUp(name)
	return entry.kind == ordinary || entry.kind == sessionVar || entry.kind.ofIdentity()
}

func (k attrKind) writable() bool {
	return k == contentBody || k == responseStatus || k == sessionVar || k.ofIdentity()
}

// ofIdentity tells of what filters set and, where they have not, the session knows.
func (k attrKind) ofIdentity() bool { return k >= identitySubject && k <= identityExpires }

// EngineAttributes lists the names of the attributes that the engine sets, in
// no order; families end in a dot.
func EngineAttributes() []string {
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	return names
}

type engineAttribute = struct {
	kind  attrKind
	hooks Hook
}

// lookUp finds an attribute of the engine, and the key in its family.
func lookUp(name string) (engineAttribute, string) {
	if entry, ok := attributes[name]; ok && !strings.HasSuffix(name, ".") {
		return entry, ""
	}
	for end := 0; ; {
		dot := strings.IndexByte(name[end:], '.')
		if dot < 0 {
			return engineAttribute{}, ""
		}
		end += dot + 1
		if entry, ok := attributes[name[:end]]; ok && end < len(name) {
			return entry, name[end:]
		}
	}
}

// AttrOf makes the Attr for a dotted name such as "content.body" or
// "websock.context.authentication.subject.id".
func AttrOf(name string) Attr {
	a := Attr{name: unique.Make(name)}
	entry, key := lookUp(name)
	a.kind, a.key = entry.kind, key
	if a.kind == upgradeMember {
		inner := AttrOf(key)
		a.inner = &inner
	}
	return a
}

// Name is the dotted name. The zero Attr has none.
func (a Attr) Name() string {
	if a == (Attr{}) {
		return ""
	}
	return a.name.Value()
}

// attrs is a list of attributes that filters set, in the order they were set.
// Messages carry a handful, so looking through a list beats a map.
type attrs []struct {
	name  unique.Handle[string]
	value Value
}

func (l attrs) get(name unique.Handle[string]) Value {
	for i := range l {
		if l[i].name == name {
			return l[i].value
		}
	}
	return Value{}
}

func (l *attrs) set(name unique.Handle[string], v Value) {
	for i := range *l {
		if (*l)[i].name == name {
			(*l)[i].value = v
			return
		}
	}
	*l = append(*l, struct {
		name  unique.Handle[string]
		value Value
	}{name, v})
}

func (l *attrs) remove(name unique.Handle[string]) {
	for i := range *l {
		if (*l)[i].name == name {
			*l = append((*l)[:i], (*l)[i+1:]...)
			return
		}
	}
}
