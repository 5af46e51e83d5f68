import * as v from 'valibot'
import type { Env } from './bindings.ts'
import { type Mistake, nearest } from './errors.ts'
import { isTable, readJsonList } from './json-list.ts'
import { firstIssues } from './schemas.ts'

type Entries = Record<string, v.GenericSchema>
type Table<Keys extends Entries> = v.InferOutput<v.ObjectSchema<Keys, undefined>>

/** A variable that holds a list of tables, each with a secret and an id by which it is known. */
export interface SecretList<Keys extends Entries> {
  variable: string
  /** One table as JSON. */
  example: string
  schema: v.ObjectSchema<Keys, undefined>
  /** The key of the id, which is public. */
  id: keyof Keys & string
  secret: keyof Keys & string
  problems: {
    idIsSecret: string
    sameId: string
    /** Without it, several tables may have one secret. */
    sameSecret?: string
    /** Without it, the list may be empty. */
    empty?: string
  }
  /** What messages call a table. Default: its index. */
  nameOf?: (raw: unknown, secrets: readonly unknown[]) => string | undefined
}

interface Source<Keys extends Entries> {
  env: Env
  /** What is wrong is added here, without any secret. */
  mistakes: Mistake[]
  /** Tables that are configured elsewhere; the list must not repeat them. */
  others?: readonly Partial<Table<Keys>>[]
}

/** Reads the tables of a list. Those that are wrong are left out. */
export function readSecretList<Keys extends Entries>(
  { variable, example, schema, id, secret, problems, nameOf }: SecretList<Keys>,
  { env, mistakes, others = [] }: Source<Keys>,
): Table<Keys>[] {
  const given = env[variable]
  if (given === undefined || given === '') return []
  const list = readJsonList(given, example)
  if ('problem' in list) {
    const problem = `${list.problem}; set all of it again with: npx wrangler secret put ${variable}`
    mistakes.push({ variable, problem })
    return []
  }
  if (list.value.length === 0 && problems.empty !== undefined)
    mistakes.push({ variable, problem: problems.empty })
  const known: Record<string, unknown>[] = [...others]
  const raws = [...others, ...list.value]
  const secrets = raws.map((raw) => (isTable(raw) ? raw[secret] : raw))
  return list.value.flatMap((raw, index) => {
    const report: Report = (problem, key) => {
      const name = nameOf?.(raw, secrets)
      const entry = { index, ...(name !== undefined && { name }) }
      mistakes.push({ variable, entry, ...(key !== undefined && { key }), problem })
    }
    const table = readTable(schema, raw, { example, report })
    if (!table) return []
    const values: Record<string, unknown> = table
    const isTaken = (key: string): boolean => known.some((other) => other[key] === values[key])
    if (secrets.includes(values[id])) report(problems.idIsSecret, id)
    if (isTaken(id)) report(problems.sameId, id)
    if (problems.sameSecret !== undefined && isTaken(secret)) report(problems.sameSecret, secret)
    known.push(values)
    return [table]
  })
}

/** Reports what is wrong with a table, or with one key of it. */
type Report = (problem: string, key?: string) => void

/** One table, or `undefined` after reporting what is wrong with it. No message contains a value. */
function readTable<Keys extends Entries>(
  schema: v.ObjectSchema<Keys, undefined>,
  raw: unknown,
  { example, report }: { example: string; report: Report },
): Table<Keys> | undefined {
  if (!isTable(raw)) {
    report(`must be a table like ${example}`)
    return undefined
  }
  const entries = Object.entries(schema.entries)
  const keys = entries.map(([key]) => key)
  for (const key of Object.keys(raw)) {
    if (keys.includes(key)) continue
    const meant = nearest(key, keys)
    // A key that is near none of ours may be a secret.
    if (meant === undefined) report(`has an unknown key; the keys are ${keys.join(', ')}`)
    else report(`is unknown; did you mean \`${meant}\`?`, key)
  }
  // Keys that are missing get the messages of those that are wrong.
  const required = entries
    .filter(([, { type }]) => type !== 'exact_optional')
    .map(([key]) => [key, undefined])
  const result = v.safeParse(schema, { ...Object.fromEntries(required), ...raw })
  for (const [key, { message }] of firstIssues(result.issues))
    report(key in raw ? message : `is missing: it ${message}`, key)
  return result.success ? result.output : undefined
}
