import { readFileSync, statSync } from 'node:fs';
import { limits } from '../contract/limits.ts';
import { type ConfigVariableName, configVariables, isSecret } from './config-variables.ts';
import type { Environment } from './environment.ts';
import { errorCode } from './error-code.ts';

/**
 * Reads variables and gathers what is wrong with them, so that a person hears of all faults at once.
 * After a fault it answers something harmless; whoever reads must look at `faults` before using any of it.
 */
export class ConfigReader {
  readonly faults: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The value, or the default where the variable is absent or empty; null where there is neither. */
  text(name: ConfigVariableName): string | null {
    const given = isSecret(name) ? this.secret(name) : this.#env[name] || null;
    return given ?? (configVariables[name].default || null);
  }

  /** The value of a variable, or the content of the file that the same name with `_FILE` names, or null. */
  secret(name: string): string | null {
    const [value, file] = [this.#env[name], this.#env[`${name}_FILE`]];
    if (value && file) this.faults.push(`${name} and ${name}_FILE are both set; keep one of them.`);
    if (value) return value;
    if (!file) return null;
    const content = this.file(`${name}_FILE`, file)?.trim() ?? null;
    if (content === '') this.faults.push(`${name}_FILE: ${file} is empty.`);
    return content || null;
  }

  /** The text of a file, or null after noting why there is none. */
  file(name: string, path: string): string | null {
    try {
      if (statSync(path).size <= limits.configFileBytesMax) return readFileSync(path, 'utf8');
      this.faults.push(`${name}: ${path} is larger than ${limits.configFileBytesMax} bytes.`);
    } catch (error) {
      this.faults.push(`${name}: ${path} cannot be read (${errorCode(error)}).`);
    }
    return null;
  }

  /** Whether nothing else than the default was asked for. */
  isDefault(name: ConfigVariableName): boolean {
    return this.text(name) === (configVariables[name].default || null);
  }

  integer(name: ConfigVariableName, range: { min: number; max: number }): number {
    const text = this.text(name) ?? '';
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= range.min && value <= range.max) return value;
    this.faults.push(`${name} must be a whole number from ${range.min} to ${range.max}, not "${text}".`);
    return range.min;
  }

  /** An amount of more than 0 dollars; null where none is given. */
  dollars(name: ConfigVariableName): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= limits.dollarsMax) return value;
    this.faults.push(`${name} must be a number of dollars above 0, such as 25.50, not "${text}".`);
    return null;
  }

  oneOf<const T extends string>(name: ConfigVariableName, values: readonly [T, ...T[]]): T {
    const text = this.text(name);
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    this.faults.push(`${name} must be one of ${values.join(', ')}, not "${text}".`);
    return values[0];
  }

  /** The parts between separators, trimmed, without empty ones; `fault` says what is wrong with one. */
  list(name: ConfigVariableName, separator: string, fault: (part: string) => string | null): string[] {
    const parts = (this.text(name) ?? '')
      .split(separator)
      .map((part) => part.trim())
      .filter((part) => part !== '');
    for (const part of parts) {
      const found = fault(part);
      if (found !== null) this.faults.push(`${name}: "${part}" ${found}.`);
    }
    return parts;
  }

  /** A URL with one of the protocols (`http:`), as it was written; its value is not repeated in a fault. */
  url(name: ConfigVariableName, protocols: readonly string[]): string | null {
    const text = this.text(name);
    if (text === null) return null;
    const parsed = URL.parse(text);
    if (parsed === null || !protocols.includes(parsed.protocol))
      this.faults.push(
        `${name} must be a URL that begins with ${protocols.map((each) => `${each}//`).join(' or ')}.`,
      );
    return text;
  }
}
