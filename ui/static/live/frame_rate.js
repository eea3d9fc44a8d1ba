// A page that only watches takes pictures and poses no faster than its machine draws them with ease: where frames take
// long, the operator's page and Stop come first.

const SMOOTH_MS = 50; // two frames and a little
const REST = 6; // times as long as the drawing took
const LONGEST_MS = 1000;

export class Pace {
  constructor(deliver) {
    this.deliver = deliver;
    this.newest = new Map(); // type -> message
    this.resting = false;
    this.watching = false;
  }

  offer(message) {
    this.newest.set(message.type, message);
    if (!this.watching || !this.resting) this.flush();
  }

  flush() {
    const messages = [...this.newest.values()];
    this.newest.clear();
    this.resting = this.watching && messages.length > 0;
    const begun = performance.now();
    messages.forEach(this.deliver);
    if (this.resting) requestAnimationFrame(() => requestAnimationFrame(() => this.rest(performance.now() - begun)));
  }

  rest(took) {
    setTimeout(() => this.flush(), took < SMOOTH_MS ? 0 : Math.min(REST * took, LONGEST_MS));
  }
}
