/**
 * The text format of Prometheus, version 0.0.4.
 *
 * @module
 */

/** Labels of one series, in the order in which they are written. */
export type Labels = Readonly<Record<string, string>>;

/** One family of series. */
export interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: string[];
}

/** The families of one exposition, in the order in which they came first. */
export class Exposition {
  readonly #families: Map<string, Family> = new Map();

  /** One value. A counter's name ends in `_total`. */
  add(type: "counter" | "gauge", name: string, help: string, labels: Labels, value: number): void {
    this.#family(type, name, help).push(sample(name, labels, value));
  }

  /** A histogram: `buckets` are cumulative, in ascending order, without the last one. */
  histogram(
    name: string,
    help: string,
    labels: Labels,
    buckets: readonly { readonly le: number; readonly count: number }[],
    sum: number,
    count: number,
  ): void {
    const samples = this.#family("histogram", name, help);
    for (const bucket of buckets) {
      samples.push(sample(`${name}_bucket`, { ...labels, le: String(bucket.le) }, bucket.count));
    }
    samples.push(sample(`${name}_bucket`, { ...labels, le: "+Inf" }, count));
    samples.push(sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, count));
  }

  /** The text, a line feed at its end. */
  toString(): string {
    let text = "";
    for (const [name, { type, help, samples }] of this.#families) {
      text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${samples.join("\n")}\n`;
    }
    return text;
  }

  #family(type: Family["type"], name: string, help: string): string[] {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { type, help, samples: [] };
      this.#families.set(name, family);
    }
    return family.samples;
  }
}

function sample(name: string, labels: Labels, value: number): string {
  const list = Object.entries(labels).map(([label, text]) => `${label}="${escapeValue(text)}"`);
  return `${name}{${list.join(",")}} ${value}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
