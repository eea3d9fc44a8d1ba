// What the server knows of the demonstrations: the list, fetched again while the panel is shown, and one at a time.

import { unpack } from "../live/link.js";

const PERIOD_MS = 1500;
const KEPT = 80; // frames that stay in the page: some 20 MB

export const address = (set, { id, version }, rest = "") =>
  `/clap/demonstrations/${set}/${encodeURIComponent(id)}${rest}?version=${version}`;

export class ReviewStore {
  /** `changed` gets the list whenever it is another one, and null with a sentence where it cannot be had. */
  constructor(isShown, changed) {
    this.isShown = isShown;
    this.changed = changed;
    this.sets = null;
    this.frames = new Map();
    setInterval(() => this.isShown() && !document.hidden && this.load(), PERIOD_MS);
  }

  async load() {
    if (this.loading) return;
    this.loading = true;
    try {
      const answer = await fetch("/clap/demonstrations", {
        cache: "no-cache",
        headers: this.tag ? { "If-None-Match": this.tag } : {},
      });
      if (answer.status === 304) return;
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.sentence);
      const tag = answer.headers.get("ETag");
      if (tag && tag === this.tag && this.sets) return;
      this.tag = tag;
      this.sets = found;
      this.changed(found, "");
    } catch (error) {
      this.tag = null;
      if (this.isShown())
        this.changed(
          null,
          error instanceof SyntaxError || error instanceof TypeError
            ? "The demonstrations could not be loaded. Check the connection."
            : error.message,
        );
    } finally {
      this.loading = false;
    }
  }

  /** All of one demonstration but its pictures. */
  async open(set, entry) {
    const answer = await fetch(address(set, entry));
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.sentence);
    return found;
  }

  /** A frame as a scene message: views, cameras and cloud. */
  async frame(set, entry, number) {
    const at = address(set, entry, `/frame/${number}`).split("?")[0]; // an episode's pictures never change
    if (!this.frames.has(at)) {
      const answer = await fetch(at);
      if (!answer.ok) throw new Error((await answer.json()).sentence);
      this.frames.set(at, unpack(await answer.arrayBuffer()));
      if (this.frames.size > KEPT) this.frames.delete(this.frames.keys().next().value);
    }
    return this.frames.get(at);
  }
}
