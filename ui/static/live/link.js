// The one WebSocket: telemetry down; stop, heartbeat and commands up. Reconnects by itself.

import { Stopper } from "./stop.js";

const HEARTBEAT_MS = 250; // on the main thread on purpose: a page that hangs is an operator who cannot press Stop
const SILENCE_MS = 4000; // no answer for so long counts as a lost connection
const RETRY_MS = [300, 600, 1200, 2500, 4000];

export class Link {
  constructor({ message, binary, changed }) {
    this.handlers = { message, binary, changed };
    this.connected = false;
    this.waiting = false; // in the queue for a world
    this.worldLost = false; // the world's process has died; a hello tells that another one is there
    this.roundTrip = null;
    this.lastHeard = 0;
    this.attempt = 0;
    this.lastBeat = performance.now();
    this.stopper = new Stopper((command) => this.send(command));
    this.connect();
    setInterval(() => this.beat(), HEARTBEAT_MS);
    document.addEventListener("visibilitychange", () => this.tellSeen());
  }

  async connect() {
    try {
      const answer = await fetch("/clap/session", { method: "POST" });
      if (answer.status === 401) return location.reload(); // the login has ended: the server shows its form
      if (!answer.ok) throw new Error(`session refused: ${answer.status}`);
      const { token, login } = await answer.json();
      this.login = login; // one was asked for, so that it can be ended
      const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/clap/ws`);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => socket.send(JSON.stringify({ type: "open", token, seat: this.seat }));
      socket.onmessage = (event) => this.receive(socket, event.data);
      socket.onclose = ({ reason }) => this.lost(socket, reason);
      this.socket = socket;
      this.lastHeard = performance.now();
    } catch {
      this.retry();
    }
  }

  receive(socket, data) {
    if (socket !== this.socket) return;
    this.lastHeard = performance.now();
    if (typeof data !== "string") return this.handlers.binary(unpack(data));
    const message = JSON.parse(data);
    if (message.type === "stop-ack") return this.stopper.acknowledged(message.id);
    if (message.type === "lease") this.seat = message.seat; // a link made anew comes back as the same visitor
    if (message.type === "pong") message.roundTrip = this.roundTrip = performance.now() - message.t;
    if (message.type === "hello" || (message.type === "queue" && !this.waiting)) this.opened(message.type === "hello");
    this.handlers.message(message);
    if (message.type === "world-lost") {
      this.worldLost = true;
      this.handlers.changed(this);
    }
  }

  /** The server has answered: with a world (`connected`), or with a place in the queue for one. */
  opened(connected) {
    this.attempt = 0;
    this.worldLost = false;
    this.connected = connected;
    this.waiting = !connected;
    this.beat();
    this.tellSeen();
    this.handlers.changed(this);
  }

  /** A tab that is not seen gets pictures and poses when it is seen again. */
  tellSeen() {
    this.send({ type: "seen", value: !document.hidden });
  }

  /** `reason`: the server's sentence, where it was the server that closed the link. */
  lost(socket, reason = "") {
    if (socket !== this.socket) return;
    if (reason) this.handlers.message({ type: "closed", sentence: reason });
    this.socket = null;
    this.connected = this.waiting = false;
    this.roundTrip = null;
    this.handlers.changed(this);
    this.retry();
  }

  retry() {
    setTimeout(() => this.connect(), RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)]);
  }

  beat() {
    const now = performance.now();
    // The page itself was held up: what came is yet to be read.
    if (now - this.lastBeat > SILENCE_MS / 2) this.lastHeard = now;
    this.lastBeat = now;
    if (!this.socket) return;
    if (now - this.lastHeard > SILENCE_MS) {
      const silent = this.socket;
      silent.close();
      this.lost(silent); // onclose of a half-open connection can take minutes
    } else this.send({ type: "ping", t: now });
  }

  /**
   * Send a message; false without a link.
   * @param {Protocol.PageMessage} message
   */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  get ready() {
    return this.connected && !this.worldLost;
  }

  /** Stop all motion; see stop.js. */
  stop() {
    return this.stopper.stop();
  }
}

/** A binary message: header length (uint32), header (JSON with `parts`: name and length each), then the parts. */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = 4 + length;
  header.data = {};
  for (const [name, size] of header.parts) {
    header.data[name] = buffer.slice(offset, offset + size);
    offset += size;
  }
  return header;
}
