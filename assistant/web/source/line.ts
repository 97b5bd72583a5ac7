/** The conversation over a WebSocket: text as it comes, and answers that survive a broken line. */

import { Unanswered, late, unreached } from "./asking";
import type { Job, Reply, Trouble } from "./model";

const PATIENCE = 60_000;
const TRIES = [300, 1_000, 3_000];
const WITHDRAWN = 4401;

interface Asked {
  frame: object;
  told: (piece: string) => void;
  answered: (reply: Reply) => void;
  failed: (trouble: Unanswered) => void;
}

interface Told {
  type: string;
  turn_id?: string;
  text?: string;
  reply?: Reply;
  job?: Job & { job_id: string };
  error?: Trouble;
}

export class Line {
  private socket: WebSocket | null = null;
  private tries = 0;
  private reason: Unanswered | null = null;
  private readonly waiting = new Map<string, Asked>();
  private readonly jobs = new Map<string, Job | null>();

  /** `refused` tells why the service does not let the line in, or null where it would. */
  constructor(
    private readonly address: string,
    private readonly token: string,
    private readonly refused: () => Promise<Unanswered | null>,
  ) {}

  /** Say something; after a broken line the same key is sent again, and still carried out once. */
  say(text: string, conversation: string | null, key: string, told: (piece: string) => void): Promise<Reply> {
    const frame = { type: "say", text, turn_id: key, ...(conversation ? { conversation_id: conversation } : {}) };
    return new Promise<Reply>((resolve, reject) => {
      const timer = setTimeout(() => asked.failed(late()), PATIENCE);
      const over = () => {
        clearTimeout(timer);
        this.waiting.delete(key);
      };
      const asked: Asked = {
        frame,
        told,
        answered: (reply) => (over(), resolve(reply)),
        failed: (trouble) => (over(), reject(trouble)),
      };
      this.waiting.set(key, asked);
      this.send(frame);
    });
  }

  /** A job as far as is known. */
  job(id: string): Job {
    const known = this.jobs.get(id);
    if (known === undefined) {
      this.jobs.set(id, null);
      this.send({ type: "follow", job_id: id });
    } else if (!this.socket) {
      this.open();
    }
    return known ?? { progress: 0, message: "waiting" };
  }

  /** Hang up. */
  end(): void {
    this.socket?.close();
    this.socket = null;
  }

  private send(frame: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
    else if (!this.socket) this.open();
  }

  private open(): void {
    const socket = new WebSocket(this.address, ["gtm", `bearer.${this.token}`]);
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.tries = 0;
      for (const { frame } of this.waiting.values()) this.send(frame);
      for (const [id, job] of this.jobs) if (!job?.reply) this.send({ type: "follow", job_id: id });
    });
    socket.addEventListener("message", ({ data }) => this.take(JSON.parse(data) as Told));
    socket.addEventListener("close", ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.lost(code);
    });
  }

  private take(told: Told): void {
    const asked = this.waiting.get(told.turn_id ?? "");
    if (told.type === "text") asked?.told(told.text ?? "");
    if (told.type === "reply" && told.reply) asked?.answered(told.reply);
    if (told.type === "job" && told.job) this.jobs.set(told.job.job_id, told.job);
    if (told.type !== "error" || !told.error) return;
    const trouble = new Unanswered(told.error.message, told.error.cure);
    if (asked) asked.failed(trouble);
    else this.reason = trouble;
  }

  private async lost(code: number): Promise<void> {
    const { reason } = this;
    this.reason = null;
    if (!this.waiting.size) return;
    // Browsers do not tell why a line was not let in: asked over HTTP, the service does.
    const why = code === WITHDRAWN ? reason : await this.refused();
    const pause = TRIES[this.tries];
    if (why || pause === undefined) {
      this.tries = 0;
      for (const asked of [...this.waiting.values()]) asked.failed(why ?? unreached());
      return;
    }
    this.tries += 1;
    setTimeout(() => {
      if (this.waiting.size && !this.socket) this.open();
    }, pause);
  }
}
