import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { httpTable, kvTable, r2Table, s3Table, TABLE_KEYS } from '../../src/config/schemas.ts'
import { readMarkdown } from '../docs/markdown.ts'
import { table } from '../docs/table.ts'
import { code, heading, plain } from './page.ts'

// By their paths: the Worker's types are not Node's.
const load = (file: string): Promise<never> =>
  import(new URL(`../../src/config/${file}`, import.meta.url).href) as Promise<never>
const { variables }: { variables: { entries: Record<string, v.GenericSchema> } } = await load('variables.ts')
const { API_TOKENS }: { API_TOKENS: SecretList } = await load('credentials.ts')
const { S3_KEYS }: { S3_KEYS: SecretList } = await load('s3-keys.ts')
const { URL_SIGNING_KEYS }: { URL_SIGNING_KEYS: SecretList } = await load('signing-keys.ts')

interface SecretList {
  variable: string
  example: string
}

const TABLES = { r2: r2Table, kv: kvTable, s3: s3Table, http: httpTable }
/** A placeholder has only a name, and only the library has custom backends. */
const TYPES = Object.keys(TABLE_KEYS).filter((type) => type !== 'custom')

interface Setting {
  name: string
  /** What the value must be, in the words of the configuration's own messages. */
  value: string
  default: string
}

/** docs/settings.md: every variable and every key of a backend. */
export function settingsPage(): string {
  const introduction = `Every variable and every key of a backend's table: what its value must be, and its default. [Configuration](configuration.md) says what each does, and where to set it. Strings are accepted everywhere: \`"true"\` for \`true\`, \`"250"\` for \`250\`, and JSON for lists.`
  return `${heading('All settings', introduction)}

## Variables and secrets

${table(
  ['variable', 'value', 'default'],
  variableSettings().map((setting) => [code(setting.name), setting.value, setting.default]),
)}

## Keys of backends

${table(
  ['key', 'backends', 'value', 'default'],
  backendSettings().map((setting) => [
    code(setting.name),
    setting.types.length === TYPES.length ? 'all' : setting.types.join(', '),
    setting.value,
    setting.default,
  ]),
)}
`
}

/** Every variable and secret. */
export function variableSettings(): Setting[] {
  return [
    { name: 'FALLBACK_STORAGES', value: 'a list of backends’ tables', default: 'required' },
    ...Object.entries(variables.entries).map(([name, schema]) => setting(name, schema, 'Variables')),
    ...[API_TOKENS, URL_SIGNING_KEYS, S3_KEYS].map(({ variable, example }) => ({
      name: variable,
      value: `a list of tables: ${code(`[${example}]`)}`,
      default: 'none',
    })),
  ]
}

/** Every key of a backend's table, with the types of backends that have it. */
export function backendSettings(): (Setting & { types: string[] })[] {
  const type = { name: 'type', value: TYPES.map((name) => code(`"${name}"`)).join(', '), default: 'required' }
  const settings = [{ ...type, types: TYPES }]
  for (const [table, { entries }] of Object.entries(TABLES))
    for (const [name, schema] of Object.entries(entries)) {
      if (name === 'type') continue
      const found = setting(name, schema as v.GenericSchema, table)
      const known = settings.find((one) => isDeepStrictEqual({ ...one, types: [] }, { ...found, types: [] }))
      if (known) known.types.push(table)
      else settings.push({ ...found, types: [table] })
    }
  return settings
}

function setting(name: string, schema: v.GenericSchema, section: string): Setting {
  return { name, value: description(schema), default: defaultOf(schema) ?? describedDefault(name, section) }
}

/** What the schema's message says of a value that cannot be right. */
function description(schema: v.GenericSchema): string {
  const { issues = [] } = v.safeParse(schema, Symbol('no valid value'))
  const [message = ''] = issues[0]?.message.split(/; |(?<=\]): /) ?? []
  if (!message.startsWith('must ')) throw new Error(`${message} does not say what a value must be`)
  return message
    .replace(/^must be /, '')
    .split(/(\[\[.*\]\]|"[^"]*")/)
    .map((part, index) => (index % 2 === 1 ? code(part) : plain(part)))
    .join('')
}

function defaultOf(schema: v.GenericSchema): string | undefined {
  const given: unknown = v.getDefault(schema)
  const isEmpty = isDeepStrictEqual(given, '') || isDeepStrictEqual(given, {})
  if (given !== undefined) return isEmpty ? 'none' : code(JSON.stringify(given))
  return v.safeParse(v.object({ key: schema }), {}).success ? undefined : 'required'
}

const DESCRIBED = describedDefaults(readMarkdown('docs/configuration.md'))

/** A default that depends on other settings, in the words of docs/configuration.md. */
function describedDefault(name: string, section: string): string {
  return DESCRIBED.get(`${section}.${name}`) || DESCRIBED.get(`Keys of every backend.${name}`) || 'none'
}

/** The defaults in the tables of a page, by their section and name. */
export function describedDefaults(markdown: string): Map<string, string> {
  const found = new Map<string, string>()
  let section = ''
  for (const line of markdown.split('\n')) {
    section = /^#+ `?([^`]*)/.exec(line)?.[1] ?? section
    const [, names = '', given = ''] = /^\| (`[^|]*?) +\| (.*?) +\|/.exec(line) ?? []
    for (const [, name] of names.matchAll(/`(\w+)`/g)) found.set(`${section}.${name}`, given)
  }
  return found
}
