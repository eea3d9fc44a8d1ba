// Which of the things on the table the task is about: those that the instruction or the plan names.

/** A function from an object's name to whether the task of this status message is about it. */
export function relevance({ instruction, plan }) {
  const text = [instruction, ...plan.map((step) => step.text)].join(" ").toLowerCase();
  return (name) => new RegExp(`\\b${name.toLowerCase().replace(/[^\w ]/g, "\\$&")}\\b`).test(text);
}
