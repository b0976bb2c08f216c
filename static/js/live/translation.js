/** The words of the live modules in the viewer's language, from Django's catalog that the base page loads before. */

const untranslated = { gettext: (text) => text, ngettext: (one, many, count) => (count === 1 ? one : many) };

export function gettext(text) {
  return (globalThis.gettext ?? untranslated.gettext)(text);
}

export function ngettext(one, many, count) {
  return (globalThis.ngettext ?? untranslated.ngettext)(one, many, count);
}

/** Put values into the named places of a sentence: `fill("for %(time)s", {time})`. */
export function fill(sentence, values) {
  return sentence.replace(/%\((\w+)\)s/g, (place, name) => (name in values ? String(values[name]) : place));
}
