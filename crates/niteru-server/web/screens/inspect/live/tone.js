// A verdict that is heard.

import { h } from "../../../ui/h.js";

/** Whether verdicts are heard: it outlasts that the page is drawn in another language. */
let heard = false;

/** The box that says whether verdicts are heard; its label is put around it. */
export function soundBox() {
  const box = h("input", { type: "checkbox", checked: heard, onchange: () => { heard = box.checked; } });
  return box;
}

/** One high tone for OK, two low ones for NG, three for what is unlike, five when nothing is inspected any more. */
export function tone(verdict) {
  const [count, height] = { OK: [1, 880], NG: [2, 220], UNLIKE: [3, 440], STILL: [5, 330] }[verdict];
  const audio = new AudioContext();
  for (let at = 0; at < count; at += 1) {
    const source = new OscillatorNode(audio, { frequency: height });
    const quiet = new GainNode(audio, { gain: 0.2 });
    source.connect(quiet).connect(audio.destination);
    source.start(audio.currentTime + at * 0.25);
    source.stop(audio.currentTime + at * 0.25 + 0.15);
    if (at === count - 1) source.onended = () => audio.close();
  }
}
