import type { Scenario } from '../faults/scenario.ts';
import { containment } from './scenarios/containment.ts';
import { exactBytes } from './scenarios/exact-bytes.ts';
import { fallbacks } from './scenarios/fallbacks.ts';
import { injection } from './scenarios/injection.ts';
import { orphanZoo } from './scenarios/orphan-zoo.ts';
import { realPrograms } from './scenarios/real-programs.ts';
import { yesFlood } from './scenarios/yes-flood.ts';

export const scenarios: readonly Scenario[] = [
  exactBytes,
  orphanZoo,
  injection,
  containment,
  realPrograms,
  yesFlood,
  fallbacks,
];
