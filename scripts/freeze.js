// A frozen copy of a script can be used for one session after another: what a call changes in it throws. Properties of
// Object.prototype and of the errors stay assignable on objects that inherit them, as they are without freezing.
(function (named, ...roots) {
  const { freeze, getOwnPropertyDescriptors, getPrototypeOf, defineProperty } = Object;
  const { ownKeys } = Reflect;
  const seen = new Set();

  function open(proto) {
    const descriptors = getOwnPropertyDescriptors(proto);
    for (const key of ownKeys(descriptors)) {
      const { value, writable, configurable } = descriptors[key];
      if (!writable || !configurable) continue;
      visit(value);
      const get = () => value;
      const set = function (v) {
        if (this === proto) throw new TypeError("the copy of the script is frozen");
        defineProperty(this, key, { value: v, writable: true, enumerable: true, configurable: true });
      };
      defineProperty(proto, key, { get: freeze(get), set: freeze(set), configurable: false });
    }
  }

  const found = [];

  function visit(value) {
    if ((typeof value !== "object" || value === null) && typeof value !== "function") return;
    if (seen.has(value)) return;
    seen.add(value);
    found.push(value);
  }

  // A list and not recursion: constants may be nested deeper than calls.
  function freezeFound() {
    while (found.length > 0) {
      const value = found.pop();
      visit(getPrototypeOf(value));
      const descriptors = getOwnPropertyDescriptors(value);
      for (const key of ownKeys(descriptors)) {
        const d = descriptors[key];
        visit(d.value);
        visit(d.get);
        visit(d.set);
      }
      freeze(value);
    }
  }

  const names = ["Object", "Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "URIError", "AggregateError"];
  const protos = names.filter((name) => globalThis[name]).map((name) => globalThis[name].prototype);
  // What changes the prototype of objects that cannot be frozen, such as msg; the proof has found no use of it.
  delete Object.prototype.__proto__;
  Object.setPrototypeOf = Reflect.setPrototypeOf = () => {
    throw new TypeError("the copy of the script is frozen");
  };
  seen.add(globalThis);
  protos.forEach((proto) => seen.add(proto));
  protos.forEach(open);
  protos.forEach((proto) => freeze(proto));
  // What the text does not name and no value leads to cannot be reached; it would take most of the time and memory.
  const spare = [
    "Map", "Set", "WeakMap", "WeakSet", "Promise", "Proxy", "Reflect", "DataView", "Date", "Math", "SharedArrayBuffer", "Atomics", "Int8Array",
    "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
  ].filter((name) => !named(name));
  const hidden = [function* () {}, async function () {}, [][Symbol.iterator](), ""[Symbol.iterator](), /x/[Symbol.matchAll]("")];
  if (named("Map")) hidden.push(new Map().entries());
  if (named("Set")) hidden.push(new Set().values());
  spare.forEach((name) => delete globalThis[name]);
  for (const key of ownKeys(globalThis)) {
    if (key !== "globalThis") visit(globalThis[key]);
  }
  hidden.forEach((object) => visit(getPrototypeOf(object)));
  visit((function* () {})().constructor);
  roots.forEach(visit);
  freezeFound();
  freeze(globalThis);
});
