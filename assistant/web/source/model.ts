/** What the service sends, as far as pages use it. */

export interface Series {
  name: string;
  values: (number | null)[];
}

export interface Chart {
  kind: string;
  title: string;
  unit: string;
  labels: string[];
  series: Series[];
  thresholds: { label: string; value: number }[];
}

export interface Table {
  title: string;
  columns: { key: string; label: string; numeric: boolean }[];
  rows: string[][];
}

export interface Evidence {
  claim: string;
  formula: string;
  calculation: string;
  data: string;
  rows: number | null;
  period: { start: string; end: string } | null;
  fresh_until: string | null;
  assumptions: string[];
}

export interface Telling {
  text: string;
  speech: string;
  table: Table | null;
  chart: Chart | null;
  buttons: { label: string; say: string }[];
  choices: string[];
  evidence: Evidence[];
}

/** Why not, and what would help. */
export interface Trouble {
  message: string;
  cure?: string | undefined;
}

export interface Reply {
  turn_id: string;
  conversation_id: string | null;
  text: string;
  status: string;
  reply: Telling;
  error: (Trouble & { code: string }) | null;
  job_id: string | null;
}

/** Bytes as base64, with their media type. */
export interface Sound {
  type: string;
  data: string;
}

/** A spoken turn and its answer. */
export interface Spoken {
  transcript: { text: string } | null;
  reply: Reply;
  speech: Sound | null;
}

/** What the assistant hears and speaks with. */
export interface Voice {
  ears: string | null;
  told: string;
  mouth: string | null;
  notes: string[];
  most_seconds: number;
}

export interface Job {
  progress: string | number;
  message: string;
  reply?: Reply | null;
  finished_at?: string;
}

export interface Command {
  permitted: boolean;
  suggested: boolean;
  examples: string[];
  summary: string;
}
