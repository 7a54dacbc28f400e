// Draws the line charts that the element #charts describes as JSON: see LineChart.cs. Needs uPlot, and no network.
"use strict";

(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = 520;
  const mostInTip = { narrow: 6, wide: 12 };

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  // --- Numbers ---------------------------------------------------------------

  // Four digits; powers of ten where a number is very small or large.
  function write(value) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
      return value.toExponential(2);
    }
    return size >= 1000 ? value.toFixed(0) : value.toPrecision(4);
  }

  // The same without zeros at the end.
  function writeTick(value) {
    const [number, power] = write(value).split("e");
    return Number(number) + (power ? "e" + power : "");
  }

  // Round numbers within a range of a logarithmic axis: no more kinds of them than it takes to have four.
  function logTicks(least, most) {
    let ticks = [];
    for (const kinds of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 6, 8], null]) {
      if (kinds === null) {
        return linearTicks(least, most);
      }
      ticks = [];
      for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
        for (const kind of kinds) {
          const tick = Number((kind * 10 ** power).toPrecision(6));
          if (tick >= least && tick <= most) {
            ticks.push(tick);
          }
        }
      }
      if (ticks.length >= 4) {
        return ticks;
      }
    }
    return ticks;
  }

  function linearTicks(least, most) {
    const power = 10 ** Math.floor(Math.log10((most - least) / 4));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => (most - least) / s <= 7);
    const ticks = [];
    for (let i = Math.ceil(least / step - 1e-9); i * step <= most * (1 + 1e-9); i++) {
      ticks.push(Number((i * step).toPrecision(6)));
    }
    return ticks;
  }

  // --- Marks: a shape for every colour, so that neither is needed to tell lines apart; when
  // colours begin again, each has another shape -----

  const styles = 6;

  function mark(context, shape, x, y, r) {
    const points = [
      [],
      [[-1, -1], [1, -1], [1, 1], [-1, 1]],
      [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]],
      [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]],
      [[0, 1.3], [1.2, -0.9], [-1.2, -0.9]],
      [[-1.3, -0.5], [1.3, -0.5], [1.3, 0.5], [-1.3, 0.5]],
    ][(shape + Math.floor(shape / styles)) % styles];
    context.beginPath();
    if (points.length === 0) {
      context.arc(x, y, 1.1 * r, 0, 2 * Math.PI);
    }
    points.forEach(([dx, dy], i) =>
      i === 0 ? context.moveTo(x + dx * r, y + dy * r) : context.lineTo(x + dx * r, y + dy * r),
    );
    context.closePath();
    context.fill();
    context.stroke();
  }

  // A line with its mark, for the legend.
  function sample(stroke, shape, dashed) {
    const canvas = document.createElement("canvas");
    const scale = Math.max(devicePixelRatio, 1);
    const [width, height] = [26, 14];
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.width = width + "px";
    canvas.style.height = height + "px";
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.strokeStyle = context.fillStyle = stroke;
    context.lineWidth = 2;
    context.setLineDash(dashed ? [5, 4] : []);
    context.beginPath();
    context.moveTo(0, height / 2);
    context.lineTo(width, height / 2);
    context.stroke();
    if (shape !== null) {
      context.setLineDash([]);
      context.lineWidth = 1;
      mark(context, shape, width / 2, height / 2, 3.6);
    }
    return canvas;
  }

  // --- A chart ---------------------------------------------------------------

  class Chart {
    constructor(chart) {
      this.chart = chart;
      this.place = document.getElementById(chart.id);
      this.hiddenEntries = new Set();
      this.hiddenKinds = new Set();
      this.place.textContent = "";
      this.keys = this.place.appendChild(element("div", "keys"));
      this.area = this.place.appendChild(element("div"));
      this.draw();
      new ResizeObserver(() => this.fit()).observe(this.place);
      dark.addEventListener("change", () => this.draw());
    }

    // All anew: uPlot takes colours only once.
    draw() {
      this.plot?.destroy();
      this.area.textContent = "";
      this.colours = this.chart.entries.map((entry) => colour("c" + (entry.style % styles)));
      this.drawKeys();
      this.width = this.place.clientWidth;
      this.plot = new uPlot(
        this.options(),
        [this.chart.places, ...this.chart.lines.map((line) => line.values)],
        this.area,
      );
      this.tip = this.plot.over.appendChild(element("div", "tip"));
      this.tip.hidden = true;
    }

    fit() {
      const width = this.place.clientWidth;
      if (width > 0 && width !== this.width) {
        this.width = width;
        this.plot.setSize({ width, height: this.height() });
      }
    }

    height() {
      return this.width < narrow ? 290 : Math.min(380, Math.round(this.width * 0.62));
    }

    shows(line) {
      return !this.hiddenEntries.has(line.entry) && !this.hiddenKinds.has(line.kind);
    }

    // --- The legend

    drawKeys() {
      const { entries, kinds } = this.chart;
      const buttons = entries.map((entry, i) =>
        this.key(entry.name, entry.note, sample(this.colours[i], entry.style, false), this.hiddenEntries, i),
      );
      if (kinds.length > 0) {
        buttons.push(element("span", "gap"));
        kinds.forEach((kind, i) =>
          buttons.push(this.key(kind, "", sample(colour("muted"), null, i > 0), this.hiddenKinds, i)),
        );
      }
      this.keys.replaceChildren(...buttons);
    }

    key(name, note, picture, hidden, number) {
      const button = element("button");
      button.type = "button";
      button.title = "show or hide";
      button.setAttribute("aria-pressed", String(!hidden.has(number)));
      button.append(picture, name);
      if (note !== "") {
        button.appendChild(element("span", "rest")).textContent = note;
      }
      button.addEventListener("click", () => {
        if (!hidden.delete(number)) {
          hidden.add(number);
        }
        button.setAttribute("aria-pressed", String(!hidden.has(number)));
        this.plot.batch(() =>
          this.chart.lines.forEach((line, i) =>
            this.plot.setSeries(i + 1, { show: this.shows(line) }),
          ),
        );
      });
      return button;
    }

    // --- The plot

    options() {
      const { x, y, entries, lines } = this.chart;
      return {
        width: this.width,
        height: this.height(),
        padding: [10, 14, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { time: false, distr: x.log ? 3 : 1, range: (_, least, most) => widen(x.log, least, most, 0.03) },
          y: { distr: y.log ? 3 : 1, range: (_, least, most) => widen(y.log, ...(y.ends ?? [least, most]), 0.06) },
        },
        axes: [this.axis(x, true), this.axis(y, false)],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.name,
            show: this.shows(line),
            stroke: this.colours[line.entry],
            width: line.kind === 0 ? 2 : 1.5,
            dash: line.kind === 0 ? undefined : [6, 5],
            points: { show: false },
            style: entries[line.entry].style,
          })),
        ],
        hooks: {
          draw: [(plot) => this.drawMarks(plot)],
          setCursor: [(plot) => this.showTip(plot)],
        },
      };
    }

    axis(axis, below) {
      const splits = (plot, _, least, most) => {
        if (axis.ticks) {
          return apart(this.chart.places, plot.width - 90, least, most);
        }
        if (axis.log) {
          return logTicks(least, most);
        }
        const ticks = linearTicks(least, most);
        return below ? ticks.filter(Number.isInteger) : ticks;
      };
      return {
        label: axis.label,
        labelSize: 24,
        labelFont: "13px system-ui, sans-serif",
        font: "12px system-ui, sans-serif",
        stroke: colour("muted"),
        grid: { stroke: colour("grid"), width: 1 },
        ticks: { stroke: colour("line"), width: 1, size: 5 },
        gap: 4,
        size: below ? 32 : (_, labels) => 16 + 7 * Math.max(2, ...(labels ?? []).map((l) => l.length)),
        splits,
        filter: (_, ticks) => ticks,
        values: (_, ticks) => ticks.map(writeTick),
      };
    }

    drawMarks(plot) {
      const scale = uPlot.pxRatio;
      const context = plot.ctx;
      context.save();
      context.strokeStyle = colour("card");
      context.lineWidth = scale;
      this.chart.lines.forEach((line, i) => {
        if (!plot.series[i + 1].show) {
          return;
        }
        context.fillStyle = this.colours[line.entry];
        for (const place of line.marks ?? this.chart.places.keys()) {
          const value = line.values[place];
          if (value !== null) {
            const left = plot.valToPos(this.chart.places[place], "x", true);
            const top = plot.valToPos(value, "y", true);
            mark(context, this.chart.entries[line.entry].style, left, top, 4 * scale);
          }
        }
      });
      context.restore();
    }

    // --- What stands at the pointer's place

    showTip(plot) {
      const { idx, left, top } = plot.cursor;
      let rows = this.chart.lines
        .map((line, i) => ({ line, value: line.values[idx], shown: plot.series[i + 1].show }))
        .filter((row) => row.shown && row.value !== null && row.value !== undefined);
      if (left < 0 || idx === null || idx === undefined || rows.length === 0) {
        this.tip.hidden = true;
        return;
      }
      const distance = (row) => Math.abs(plot.valToPos(row.value, "y") - top);
      rows = rows
        .sort((a, b) => distance(a) - distance(b))
        .slice(0, this.width < narrow ? mostInTip.narrow : mostInTip.wide)
        .sort((a, b) => b.value - a.value);
      const head = element("b");
      head.textContent = this.chart.x.label.split(",")[0] + ": " + this.chart.places[idx];
      this.tip.replaceChildren(head, ...rows.map((row) => this.tipRow(row)));
      this.tip.hidden = false;
      const at = plot.valToPos(this.chart.places[idx], "x");
      const room = plot.over.clientWidth;
      const width = this.tip.offsetWidth;
      const right = at + 14 + width <= room;
      this.tip.style.left = (right ? at + 14 : Math.max(at - 14 - width, room - width < 0 ? room - width : 0)) + "px";
      this.tip.style.top = Math.max(0, Math.min(top - 20, plot.over.clientHeight - this.tip.offsetHeight)) + "px";
    }

    tipRow({ line, value }) {
      const row = element("div");
      row.appendChild(element("i")).style.background = this.colours[line.entry];
      row.appendChild(element("span")).textContent = line.name;
      row.appendChild(element("span")).textContent = write(value);
      return row;
    }
  }

  function element(name, kind) {
    const made = document.createElement(name);
    if (kind) {
      made.className = kind;
    }
    return made;
  }

  // Room for marks at the ends; some where all values are the same.
  function widen(log, least, most, share) {
    if (log) {
      const factor = least === most ? 1.5 : (most / least) ** share;
      return [least / factor, most * factor];
    }
    const room = least === most ? Math.abs(least) / 2 || 1 : (most - least) * share;
    return [least - room, most + room];
  }

  // Those places of a logarithmic axis whose labels do not touch; the last is always one of them.
  function apart(places, width, least, most) {
    const at = (place) => (width * Math.log(place / least)) / Math.log(most / least);
    const kept = [];
    for (const place of [...places].reverse()) {
      if (kept.length === 0 || at(kept[0]) - at(place) > 46) {
        kept.unshift(place);
      }
    }
    return kept;
  }

  for (const chart of JSON.parse(document.getElementById("charts").textContent)) {
    new Chart(chart);
  }
})();
