// Labels: boxes with names and tracks over the redacted picture.

const GOLDEN = 137.5; // degrees: neighbouring tracks get colours far apart

export class Labels {
  #canvas;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  clear() {
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** `objects` have track, label and box, which is x0, y0, x1, y1 from 0 to 1. */
  draw(objects) {
    const canvas = this.#canvas;
    const scale = window.devicePixelRatio;
    const width = Math.round(canvas.clientWidth * scale);
    const height = Math.round(canvas.clientHeight * scale);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.font = `600 ${Math.round(12 * scale)}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    context.lineWidth = 2 * scale;
    for (const { track, label, box } of objects) {
      const colour = `hsl(${(track * GOLDEN) % 360} 85% 72%)`;
      const [left, top] = [box[0] * width, box[1] * height];
      context.strokeStyle = colour;
      context.beginPath();
      context.roundRect(left, top, (box[2] - box[0]) * width, (box[3] - box[1]) * height, 4 * scale);
      context.stroke();
      tag(context, `${label} ${track}`, left, top, colour, scale);
    }
  }
}

/** Above the box where there is room, else inside it. */
function tag(context, text, left, top, colour, scale) {
  const tall = 18 * scale;
  const wide = context.measureText(text).width + 10 * scale;
  const above = top >= tall ? top - tall : top;
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, above, wide, tall, 4 * scale);
  context.fill();
  context.fillStyle = "#101317";
  context.fillText(text, left + 5 * scale, above + tall / 2);
}
