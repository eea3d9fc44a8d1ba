// Where one is in a demonstration: the cursor, playing, and the pictures of the frame, which come as fast as they can.

const TICK_MS = 50;

export class ReviewPlayer {
  /**
   * `fetchFrame(number)` gives a picture; `moved`, `pictured(header)`, `played(on)` and `failed(sentence)` are told.
   */
  constructor({ detail, fetchFrame, moved, pictured, played, failed }) {
    this.detail = detail;
    this.fetchFrame = fetchFrame;
    this.moved = moved;
    this.pictured = pictured;
    this.played = played;
    this.failed = failed;
    this.cursor = 0;
    this.playing = null;
    this.shown = null;
  }

  get last() {
    return this.detail.frames - 1;
  }

  go(frame) {
    this.cursor = Math.max(0, Math.min(this.last, Math.round(frame)));
    this.moved(this.cursor);
    this.load();
  }

  step(by) {
    this.pause();
    this.go(this.cursor + by);
  }

  /** To the keyframe after the cursor, or before it; to the ends where there is none. */
  toKeyframe(direction) {
    this.pause();
    const { keyframes } = this.detail;
    const found =
      direction > 0
        ? keyframes.find((frame) => frame > this.cursor)
        : keyframes.filter((frame) => frame < this.cursor).at(-1);
    this.go(found ?? (direction > 0 ? this.last : 0));
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** Play by the robot's own clock, from the beginning where the cursor is at the end. */
  play() {
    const { time } = this.detail;
    if (this.cursor >= this.last) this.cursor = 0;
    const from = time[this.cursor] - performance.now() / 1000;
    this.playing = setInterval(() => {
      const now = from + performance.now() / 1000;
      let frame = this.cursor;
      while (frame < this.last && time[frame + 1] <= now) frame++;
      if (frame !== this.cursor) this.go(frame);
      if (this.cursor >= this.last) this.pause();
    }, TICK_MS);
    this.played(true);
  }

  pause() {
    if (!this.playing) return;
    clearInterval(this.playing);
    this.playing = null;
    this.played(false);
  }

  /** One picture at a time; the cursor's is fetched last, so that it is what one sees. */
  async load() {
    if (this.loading) return;
    this.loading = true;
    try {
      while (!this.closed && this.shown !== this.cursor) {
        const wanted = this.cursor;
        const header = await this.fetchFrame(wanted);
        if (this.closed) return;
        this.shown = wanted;
        this.pictured(header);
      }
    } catch (error) {
      if (!this.closed) this.failed(error.message);
    } finally {
      this.loading = false;
    }
  }

  close() {
    this.pause();
    this.closed = true;
  }
}
