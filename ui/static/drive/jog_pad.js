// The pad on the page: buttons that move the arm while they are pressed, by pointer, finger or the Enter key.

export class JogPad {
  constructor(host, { gripper }) {
    this.host = host;
    this.held = new Map(); // pointer or key -> button
    for (const button of host.querySelectorAll(".c-hold")) {
      button.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        this.press(event.pointerId, button);
        button.setPointerCapture(event.pointerId);
      });
      for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
        button.addEventListener(end, (event) => this.release(event.pointerId));
      }
      button.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.repeat) this.press("Enter", button);
      });
      button.addEventListener("keyup", (event) => event.key === "Enter" && this.release("Enter"));
      button.addEventListener("blur", () => this.release("Enter"));
      button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is a long hold
    }
    for (const button of host.querySelectorAll("[data-grip]"))
      button.addEventListener("click", () => gripper(button.dataset.grip));
  }

  press(source, button) {
    this.held.set(source, button);
    button.classList.add("c-held");
  }

  release(source) {
    this.held.get(source)?.classList.remove("c-held");
    this.held.delete(source);
  }

  axes() {
    const axes = [0, 0, 0, 0, 0, 0];
    for (const { dataset } of this.held.values()) axes[dataset.axis] += Number(dataset.sign);
    return axes;
  }

  clear() {
    for (const source of [...this.held.keys()]) this.release(source);
  }

  enable(on) {
    for (const button of this.host.querySelectorAll(".c-hold, [data-grip]")) button.disabled = !on;
  }
}
