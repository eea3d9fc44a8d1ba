// The one WebSocket: telemetry down; stop, heartbeat and commands up. Reconnects by itself.

const HEARTBEAT_MS = 1000;
const SILENCE_MS = 4000; // no answer for so long counts as a lost connection
const STOP_ACK_MS = 150; // then plain HTTP is tried as well
const STOP_GIVE_UP_MS = 2000;
const RETRY_MS = [300, 600, 1200, 2500, 4000];

export class Link {
  constructor({ message, binary, changed }) {
    this.handlers = { message, binary, changed };
    this.connected = false;
    this.roundTrip = null;
    this.lastHeard = 0;
    this.attempt = 0;
    this.stops = new Map();
    this.nextStop = 1;
    this.connect();
    setInterval(() => this.beat(), HEARTBEAT_MS);
  }

  async connect() {
    try {
      const answer = await fetch("/clap/session", { method: "POST" });
      if (!answer.ok) throw new Error(`session refused: ${answer.status}`);
      const { token } = await answer.json();
      const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/clap/ws`);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => socket.send(JSON.stringify({ type: "open", token }));
      socket.onmessage = (event) => this.receive(socket, event.data);
      socket.onclose = () => this.lost(socket);
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
    if (message.type === "pong") {
      this.roundTrip = performance.now() - message.t;
      this.handlers.changed(this);
    } else if (message.type === "stop-ack") {
      this.stops.get(message.id)?.(true);
    } else {
      if (message.type === "hello") {
        this.connected = true;
        this.attempt = 0;
        this.beat();
        this.handlers.changed(this);
      }
      this.handlers.message(message);
    }
  }

  lost(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.connected = false;
    this.roundTrip = null;
    this.handlers.changed(this);
    this.retry();
  }

  retry() {
    setTimeout(() => this.connect(), RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)]);
  }

  beat() {
    if (!this.socket) return;
    if (performance.now() - this.lastHeard > SILENCE_MS) {
      const silent = this.socket;
      silent.close();
      this.lost(silent); // onclose of a half-open connection can take minutes
    } else this.send({ type: "ping", t: performance.now() });
  }

  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Stop over the WebSocket, then over HTTP. Resolves with "websocket", "http" or null if neither was acknowledged. */
  stop() {
    const id = this.nextStop++;
    return new Promise((resolve) => {
      const settle = (way) => {
        this.stops.delete(id);
        resolve(way);
      };
      this.stops.set(id, () => settle("websocket"));
      const post = () => {
        if (!this.stops.has(id)) return;
        fetch("/clap/stop", { method: "POST", keepalive: true }).then((answer) => answer.ok && settle("http"), () => {});
      };
      if (this.send({ type: "stop", id })) setTimeout(post, STOP_ACK_MS);
      else post();
      setTimeout(() => settle(null), STOP_GIVE_UP_MS);
    });
  }
}

/** A binary message: header length (uint32), header (JSON with `parts`: name and length each), then the parts. */
function unpack(buffer) {
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
