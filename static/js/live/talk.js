/** Speaking into the room: this person's microphone, while the button is in, as 16 kHz samples over the socket. */

import { encodePcm } from "./pcm.js";
import { gettext } from "./translation.js";

const LOW_PASS_HZ = 7000; // 16 kHz samples carry nothing above 8 kHz: what is left there would fold down
const ANSWER_MS = 5000;
const WISHES = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Why this page cannot talk, in words, or "" when it can. */
export function obstacleToTalking() {
  if (!globalThis.isSecureContext || !navigator.mediaDevices) return gettext("Talking needs https.");
  if (typeof AudioWorkletNode !== "function") return gettext("This browser cannot send sound.");
  return "";
}

/** Events: change (isTalking changed). */
export class Talk extends EventTarget {
  isTalking = false;
  #stopMicrophone = null;

  constructor(live) {
    super();
    this.live = live;
    live.addEventListener("offline", () => this.stop());
    live.addEventListener("ended", () => this.stop());
  }

  /** Ask for the microphone and begin; throws an Error with a sentence for people. */
  async start() {
    const samples = await this.#openMicrophone();
    try {
      await this.#askServer();
    } catch (error) {
      this.stop();
      throw error;
    }
    samples.onmessage = ({ data }) => this.live.send(encodePcm(data));
    this.#become(true);
  }

  stop() {
    this.#stopMicrophone?.();
    this.#stopMicrophone = null;
    if (!this.isTalking) return;
    this.live.send({ type: "stop-stream" });
    this.#become(false);
  }

  #askServer() {
    return new Promise((resolve, reject) => {
      const refuse = (words) => reject(new Error(words));
      this.live.addEventListener("stream-started", resolve, { once: true });
      this.live.addEventListener("error", ({ detail }) => refuse(detail.message), { once: true });
      setTimeout(refuse, ANSWER_MS, gettext("The server did not answer. Try again in a moment."));
      if (!this.live.send({ type: "start-stream" })) refuse(gettext("Needs the connection."));
    });
  }

  async #openMicrophone() {
    let microphone;
    try {
      microphone = await navigator.mediaDevices.getUserMedia({ audio: WISHES });
    } catch (error) {
      throw new Error(gettext("The browser gave no microphone. Allow it beside the address, then try again."), {
        cause: error,
      });
    }
    const context = new AudioContext();
    this.#stopMicrophone = () => {
      microphone.getTracks().forEach((track) => track.stop());
      context.close();
    };
    await context.audioWorklet.addModule(new URL("../worklets/talker.js", import.meta.url));
    const talker = new AudioWorkletNode(context, "leganize-talker", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    const lowPass = new BiquadFilterNode(context, { type: "lowpass", frequency: LOW_PASS_HZ });
    new MediaStreamAudioSourceNode(context, { mediaStream: microphone }).connect(lowPass).connect(talker);
    return talker.port;
  }

  #become(isTalking) {
    this.isTalking = isTalking;
    this.dispatchEvent(new Event("change"));
  }
}
