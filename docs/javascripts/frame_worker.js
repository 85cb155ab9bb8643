// A page that is opened from the disk may start no worker, which the theme's search runs in; a hidden frame does the
// same. The theme would fetch such a program from another host.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      const inside = this.frame.contentWindow;
      inside.document.open();
      // Within the frame, postMessage speaks to the page, and what the page says comes as an event.
      inside.document.write(
        "<script>postMessage = data => parent.dispatchEvent(new MessageEvent('frame-worker', { data }));<\/script>" +
          `<script src="${new URL(url, location.href)}"><\/script>`,
      );
      inside.document.close();
      this.ready = new Promise((resolve) => inside.addEventListener("load", resolve));
      window.addEventListener("frame-worker", ({ data }) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      });
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
