import type { Stage } from './stage.ts';

/** What goes wrong on purpose, and what must be true afterwards. */
export interface Scenario {
  /** Unique; `--only` takes it, and the page names it. */
  name: string;
  /** What is done and what must be true, for the page: whole sentences. */
  sentence: string;
  /** How often a full run does it. */
  fullRepeats: number;
  /**
   * Does it `repeats` times and answers what was counted. `full` is the size that the sentence names; the short
   * form is smaller where the size alone takes long.
   * @throws where the promise was broken, or where the fault did not come about, so that nothing was proved.
   */
  run(options: ScenarioOptions): Promise<Figures>;
}

export interface ScenarioOptions {
  /** Decides every random moment. */
  seed: number;
  repeats: number;
  full: boolean;
  /** Everything that is started; it is ended by whoever runs the scenario. */
  stage: Stage;
  progress(line: string): void;
}

/** In the order in which they are shown. */
export type Figures = Record<string, number | string>;
