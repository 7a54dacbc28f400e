// Zooms and reads the timelines of a profile's page: see ProfileTimeline.cs. Without it a timeline shows the whole step.
"use strict";

(() => {
  const mostZoom = 5000;

  class Timeline {
    constructor(place) {
      this.ms = Number(place.dataset.ms);
      this.view = place.querySelector(".view");
      this.track = place.querySelector(".track-of-time");
      this.axis = place.querySelector(".time-axis");
      this.said = place.querySelector(".said");
      this.operations = [...place.querySelectorAll(".operation")];
      this.zoom = 1;
      this.chosen = null;
      const tools = place.querySelector(".tools");
      tools.hidden = false;
      tools.addEventListener("click", (event) => this.use(event.target.dataset.use));
      this.view.addEventListener("keydown", (event) => this.press(event));
      this.view.addEventListener("wheel", (event) => this.turn(event), { passive: false });
      this.view.addEventListener("dblclick", (event) => this.fill(event.target.closest(".span")));
      this.view.addEventListener("scroll", () => this.drawAxis());
      new ResizeObserver(() => this.drawAxis()).observe(this.view);
      this.drag();
      this.drawAxis();
    }

    // --- Zoom: the track becomes wider than the view, which scrolls --------------

    // Makes the track so many times as wide as the view; a place of the view, from 0 to 1, keeps its time.
    setZoom(zoom, at = 0.5) {
      const width = this.view.clientWidth;
      const time = (this.view.scrollLeft + at * width) / this.track.offsetWidth;
      this.zoom = Math.min(Math.max(zoom, 1), mostZoom);
      this.track.style.width = 100 * this.zoom + "%";
      this.view.scrollLeft = time * this.track.offsetWidth - at * width;
      this.drawAxis();
    }

    // Zooms so that a span fills most of the view.
    fill(span) {
      if (!span) {
        return;
      }
      const [left, width] = [parseFloat(span.style.left), parseFloat(span.style.width)];
      this.setZoom(Math.min(80 / Math.max(width, 1e-6), mostZoom));
      this.show(left + width / 2);
      this.choose(span);
    }

    // Scrolls so that a place of the track, in percent, is in the middle.
    show(percent) {
      this.view.scrollLeft = (percent / 100) * this.track.offsetWidth - this.view.clientWidth / 2;
    }

    use(what) {
      if (what === "in" || what === "out") {
        this.setZoom(this.zoom * (what === "in" ? 2 : 0.5), this.middle());
      } else if (what === "all") {
        this.setZoom(1);
      } else if (what === "before" || what === "after") {
        this.step(what === "after" ? 1 : -1);
      }
    }

    // Zoom keeps what is chosen, where that can be seen.
    middle() {
      if (this.chosen === null) {
        return 0.5;
      }
      const view = this.view.getBoundingClientRect();
      const span = this.chosen.getBoundingClientRect();
      const at = (span.left + span.width / 2 - view.left) / view.width;
      return at >= 0 && at <= 1 ? at : 0.5;
    }

    turn(event) {
      if (!event.ctrlKey && !event.metaKey) {
        return;
      }
      event.preventDefault();
      const view = this.view.getBoundingClientRect();
      this.setZoom(this.zoom * 2 ** (-event.deltaY / 200), (event.clientX - view.left) / view.width);
    }

    // --- Pointer: a click reads a span, and what is held moves the track ---------

    drag() {
      let from = null;
      let moved = false;
      this.view.addEventListener("pointerdown", (event) => {
        if (event.pointerType === "mouse" && event.button === 0) {
          from = { x: event.clientX, left: this.view.scrollLeft };
        }
        moved = false;
      });
      this.view.addEventListener("pointermove", (event) => {
        if (from === null) {
          return;
        }
        if (!moved && Math.abs(event.clientX - from.x) > 3) {
          moved = true;
          this.view.setPointerCapture(event.pointerId);
        }
        if (moved) {
          this.view.scrollLeft = from.left - (event.clientX - from.x);
        }
      });
      const end = () => {
        from = null;
      };
      this.view.addEventListener("pointerup", end);
      this.view.addEventListener("pointercancel", end);
      this.view.addEventListener("click", (event) => {
        const span = event.target.closest(".span");
        if (!moved && span) {
          this.choose(span);
        }
      });
    }

    // --- Keys: what is chosen goes from operation to operation -------------------

    press(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      const page = 0.8 * this.view.clientWidth;
      const keys = {
        "+": () => this.use("in"),
        "=": () => this.use("in"),
        "-": () => this.use("out"),
        0: () => this.use("all"),
        Escape: () => this.use("all"),
        ArrowRight: () => this.step(1),
        ArrowLeft: () => this.step(-1),
        Home: () => this.step(-Infinity),
        End: () => this.step(Infinity),
        PageDown: () => this.view.scrollBy({ left: page }),
        PageUp: () => this.view.scrollBy({ left: -page }),
        Enter: () => this.fill(this.chosen),
      };
      const action = keys[event.key];
      if (action) {
        event.preventDefault();
        action();
      }
    }

    step(by) {
      const last = this.operations.length - 1;
      const now = this.chosen === null ? -1 : this.operations.indexOf(this.chosen);
      const next = now < 0 && Number.isFinite(by) ? 0 : now + by;
      this.choose(this.operations[Math.min(Math.max(next, 0), last)]);
    }

    choose(span) {
      this.chosen?.classList.remove("chosen");
      this.chosen = span;
      span.classList.add("chosen");
      this.said.textContent = span.title;
      const view = this.view.getBoundingClientRect();
      const place = span.getBoundingClientRect();
      if (place.right < view.left || place.left > view.right) {
        this.show(parseFloat(span.style.left) + parseFloat(span.style.width) / 2);
      }
    }

    // --- The axis: round times of what is in view --------------------------------

    drawAxis() {
      const width = this.track.offsetWidth;
      if (width === 0) {
        return;
      }
      const [first, shown] = [this.view.scrollLeft / width, this.view.clientWidth / width];
      const wanted = Math.max(2, Math.min(10, this.view.clientWidth / 110));
      const least = (this.ms * shown) / wanted;
      const power = 10 ** Math.floor(Math.log10(least));
      const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= least);
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      const ticks = [];
      for (let i = Math.ceil((first * this.ms) / step); i * step <= (first + shown) * this.ms; i++) {
        if (i * step > this.ms) {
          break;
        }
        const tick = document.createElement("span");
        tick.style.left = (100 * i * step) / this.ms + "%";
        tick.textContent = (i * step).toFixed(digits);
        ticks.push(tick);
      }
      this.axis.replaceChildren(...ticks);
    }
  }

  for (const place of document.querySelectorAll(".timeline")) {
    new Timeline(place);
  }
})();
