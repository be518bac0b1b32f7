"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const stage = document.getElementById("charts");
  const clock = document.getElementById("reading-time");
  const period = clock.textContent;
  const at = Array.from({ length: data.count }, (_, i) => data.starts_at_s + i * data.step_s);
  const wallTime = new Intl.DateTimeFormat("en-GB", {
    timeZone: data.timezone, weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit",
  });
  const PRINT_WIDTH = 680;
  const AXIS_WIDTH = 46;
  let plots = [];
  let printing = false;

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const text = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
  const element = (tag, className, content) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (content !== undefined) node.textContent = content;
    return node;
  };

  // as many ticks as fit: days first, then noons, then shorter steps; else only every n-th day
  const ticksBetween = (width, from, to) => {
    const inside = data.ticks.filter((tick) => tick.at >= from && tick.at <= to);
    const room = Math.max(1, Math.floor(width / 48));
    for (const rank of [3, 2, 1, 0]) {
      const chosen = inside.filter((tick) => tick.rank <= rank);
      if (chosen.length <= room) return chosen;
    }
    const days = inside.filter((tick) => tick.rank === 0);
    const every = Math.ceil(days.length / room);
    return days.filter((_, i) => i % every === 0);
  };

  const background = (u, chart) => {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    if (chart.shade_cheap) {
      ctx.fillStyle = color("cheap");
      for (const [from, to] of data.cheap) {
        const x = u.valToPos(from, "x", true);
        ctx.fillRect(x, top, u.valToPos(to, "x", true) - x, height);
      }
    }
    ctx.strokeStyle = color("day");
    ctx.setLineDash([]);
    ctx.lineWidth = devicePixelRatio;
    for (const tick of data.ticks) {
      if (tick.rank > 0) continue;
      const x = Math.round(u.valToPos(tick.at, "x", true));
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
    }
    ctx.restore();
  };

  const legendOf = (chart) => {
    const list = element("ul", "legend");
    const update = [];
    const entry = (swatchClass, swatchStyle, label, show) => {
      const item = element("li");
      const swatch = element("span", `swatch ${swatchClass}`);
      Object.assign(swatch.style, swatchStyle);
      const value = element("b");
      item.append(swatch, element("span", "", label), value);
      list.append(item);
      if (show) update.push((i) => { value.textContent = i === null ? "" : show(i); });
    };
    if (chart.band) {
      const { low, high, label } = chart.band;
      entry("area", { background: color("band") }, label, (i) =>
        low[i] === null || high[i] === null ? "–" : `${text(low[i], chart.digits)} to ${text(high[i], chart.digits)}`);
    }
    for (const line of chart.lines) {
      entry(line.dashed ? "dashed" : "", { borderColor: color(line.role) }, line.label, (i) =>
        text(line.values[i], chart.digits));
    }
    if (chart.shade_cheap && data.cheap.length) entry("area", { background: color("cheap") }, data.cheap_label, null);
    return { list, show: (i) => update.forEach((one) => one(i)) };
  };

  const build = (chart, width) => {
    const figure = element("figure", "chart");
    figure.setAttribute("role", "img");
    figure.setAttribute("aria-label", `${chart.title}, ${chart.unit}`);
    const head = element("div", "chart-head");
    const title = element("h3", "", `${chart.title} `);
    title.append(element("small", "", chart.unit));
    const legend = legendOf(chart);
    head.append(title, legend.list);
    figure.append(head);
    stage.append(figure);

    const stepped = uPlot.paths.stepped({ align: 1 });
    const columns = [at];
    const series = [{}];
    const bands = [];
    if (chart.band) {
      columns.push(chart.band.low, chart.band.high);
      series.push({ points: { show: false }, paths: stepped }, { points: { show: false }, paths: stepped });
      bands.push({ series: [2, 1], fill: color("band") });
    }
    for (const one of chart.lines) {
      columns.push(one.values);
      series.push({
        stroke: color(one.role), width: one.role === "ours" ? 2 : 1.4, dash: one.dashed ? [5, 4] : undefined,
        fill: one.filled ? color(`${one.role}-fill`) : undefined, fillTo: 0,
        paths: one.stepped ? stepped : undefined, points: { show: false }, spanGaps: false,
      });
    }
    const axis = { stroke: color("soft"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const plot = new uPlot({
      width, height: chart.height_px, ms: 1e-3, padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: {
        y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: true },
        sync: { key: "report", scales: ["x", null] },
      },
      scales: {
        x: { time: true },
        y: { range: (u, low, high) => (low === null ? [0, 1] : uPlot.rangeNum(
          chart.from_zero ? Math.min(0, low) : low, Math.max(high, low + chart.least_span), 0.08, true)) },
      },
      axes: [
        {
          ...axis, size: 28, gap: 9, grid: { show: false },
          splits: (u, _, from, to) => ticksBetween(u.bbox.width / devicePixelRatio, from, to).map((tick) => tick.at),
          values: (u, splits) => splits.map((split) => data.ticks.find((tick) => tick.at === split).label),
        },
        {
          ...axis, size: AXIS_WIDTH, gap: 4, space: 28, grid: { stroke: color("grid"), width: 1 },
          values: (u, splits) => splits.map((split) => String(Number(split.toFixed(4)))),
        },
      ],
      series, bands,
      hooks: {
        drawClear: [(u) => background(u, chart)],
        setCursor: [(u) => {
          const i = u.cursor.idx ?? null;
          legend.show(i);
          clock.textContent = i === null ? period : wallTime.format(new Date(at[i] * 1000));
        }],
      },
    }, columns, figure);
    plot.over.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") return; // a mouse is followed by the chart itself
      const box = plot.over.getBoundingClientRect();
      plot.setCursor({ left: event.clientX - box.left, top: event.clientY - box.top }, true, true);
    });
    return plot;
  };

  const stageWidth = () => (printing ? PRINT_WIDTH : stage.clientWidth);
  const draw = () => {
    plots.forEach((plot) => plot.destroy());
    stage.querySelectorAll(".chart").forEach((node) => node.remove());
    plots = data.charts.map((chart) => build(chart, stageWidth()));
  };
  const print = (on) => {
    printing = on;
    document.documentElement.classList.toggle("print", on);
    draw();
  };

  stage.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    const plot = plots[0];
    const steps = event.shiftKey ? Math.round(3600 / data.step_s) || 1 : 1;
    const from = plot.cursor.idx ?? (way > 0 ? -steps : data.count - 1 + steps);
    const i = Math.min(data.count - 1, Math.max(0, from + way * steps));
    plot.setCursor({ left: plot.valToPos(at[i], "x"), top: 10 }, true, true);
  });
  new ResizeObserver(() => {
    if (!printing) plots.forEach((plot, i) => plot.setSize({ width: stageWidth(), height: data.charts[i].height_px }));
  }).observe(stage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  draw();
})();
