import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { builtInProviders } from './built-in-providers.ts';
import type { ProviderConfig } from './config.ts';
import type { ConfigReader } from './config-reader.ts';

const variable = 'LLMMIXER_PROVIDERS';

const Provider = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z][a-z0-9-]*$', maxLength: 64 }),
    baseUrl: Type.String({ pattern: '^https?://' }),
    keyVariable: Type.Optional(Type.String({ pattern: '^[A-Z_][A-Z0-9_]*$' })),
    models: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
  },
  { additionalProperties: false },
);
const ProvidersFile = Compile(Type.Array(Provider));

/** Reads the file that `LLMMIXER_PROVIDERS` names, and the keys it asks for. Faults go to the reader. */
export function readProviders(reader: ConfigReader): ProviderConfig[] {
  const path = reader.text(variable);
  const text = path === null ? null : reader.file(variable, path);
  if (path === null || text === null) return [];
  const content = parse(text);
  if (ProvidersFile.Check(content)) return checked(content, { path, reader });
  for (const fault of faultsOf(content)) reader.faults.push(`${variable}: ${path}${fault}.`);
  return [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultsOf(content: unknown): string[] {
  if (content === undefined) return [' is not JSON'];
  return [...ProvidersFile.Errors(content)].map(
    ({ instancePath, message }) => ` at ${instancePath || '/'} ${message}`,
  );
}

function checked(
  providers: Static<typeof Provider>[],
  { path, reader }: { path: string; reader: ConfigReader },
): ProviderConfig[] {
  const names = new Set<string>(['demo', ...builtInProviders]);
  return providers.map((provider) => {
    const { name, keyVariable } = provider;
    const baseUrl = provider.baseUrl.replace(/\/+$/, '');
    if (names.has(name))
      reader.faults.push(
        `${variable}: ${path} names "${name}", which is taken; give the provider another name.`,
      );
    names.add(name);
    if (URL.parse(baseUrl) === null)
      reader.faults.push(`${variable}: ${path} gives "${name}" a baseUrl that is no URL.`);
    const key = keyVariable === undefined ? null : reader.secret(keyVariable);
    return { ...provider, baseUrl, models: provider.models ?? [], ...(key === null ? {} : { key }) };
  });
}
