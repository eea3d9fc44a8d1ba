// What could be said instead of an instruction that was not understood or refused, from the sentence that says why.

const MAX_OFFERS = 8;

/** [{label, text, tip}]: the instruction with one word or thing replaced by what is known or detected. */
export function explain(sentence, instruction, detected_objects) {
  return [...unknownWords(sentence, instruction), ...missingThings(sentence, instruction, detected_objects)].slice(
    0,
    MAX_OFFERS,
  );
}

/** From: I do not know the words "rot" (did you mean not, red or put?), "xyz". */
function unknownWords(sentence, instruction) {
  return [...sentence.matchAll(/"([^"]+)" \(did you mean ([^)]+)\?\)/g)].flatMap(([, word, near]) =>
    near.split(/, | or /).map((known) => offer(word, known, instruction)),
  );
}

/** From: There is no green block. The things detected of the same kind come first. */
function missingThings(sentence, instruction, detected_objects) {
  const missing = sentence.match(/[Tt]here is no ([^.,;]+)/)?.[1];
  if (!missing || !detected_objects) return [];
  const kind = missing.split(" ").pop();
  const things = detected_objects.split(", ");
  const alike = things.filter((name) => name.endsWith(kind));
  return (alike.length ? alike : things)
    .filter(() => find(missing, instruction))
    .map((name) => offer(missing, name, instruction));
}

const find = (words, text) => new RegExp(words.replace(/[^\w ]/g, "\\$&").replaceAll(" ", "\\s+"), "i").exec(text);

function offer(wrong, right, instruction) {
  const found = find(wrong, instruction)?.[0] ?? wrong;
  return {
    label: `${wrong} → ${right}`,
    text: instruction.replace(found, right),
    tip: `Write “${right}” in place of “${wrong}”`,
  };
}
