import type { Context } from 'hono'
import * as v from 'valibot'
import { rawPath } from '../../http/raw-path.ts'
import { StorageError } from '../../storage/errors.ts'
import { parseName } from '../../storage/name.ts'
import { createChunkReader } from '../../bodies/chunks.ts'
import type { AppEnv } from '../context.ts'

const MAX_JSON_BYTES = 1024 * 1024

/** The name after `method/` in an API request's URL. Hono's own path and params are ambiguous for names. */
export function nameIn(c: Context<AppEnv>, method: string): string {
  const name = parseName(pathAfter(c, method))
  c.set('name', name)
  return name
}

/** As `nameIn`, where an empty one stands for the root. */
export function pathIn(c: Context<AppEnv>, method: string): string {
  const raw = pathAfter(c, method)
  return raw === '' ? '' : parseName(raw)
}

function pathAfter(c: Context<AppEnv>, method: string): string {
  const start = `${c.var.deployment.config.mediaPath}-/api/${method}`
  const path = rawPath(c.req.url)
  if (path !== start && !path.startsWith(`${start}/`)) {
    throw new StorageError('absent', `the path must begin with ${start}/ as it is written here`)
  }
  return path.slice(start.length + 1)
}

/** The request's query by a schema; throws `invalid` naming the parameter. */
export function queryBy<Schema extends v.GenericSchema>(
  c: Context<AppEnv>,
  schema: Schema,
): v.InferOutput<Schema> {
  return checked(schema, c.req.query())
}

/** The request's JSON body by a schema; an empty body counts as `{}`. */
export async function jsonBy<Schema extends v.GenericSchema>(
  c: Context<AppEnv>,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const { body } = c.req.raw
  const bytes = body ? await readJsonBytes(body) : new Uint8Array(0)
  return checked(schema, bytes.length === 0 ? {} : parseJson(bytes))
}

async function readJsonBytes(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts = createChunkReader(body)
  const bytes = await parts.next(MAX_JSON_BYTES + 1)
  if (bytes.length <= MAX_JSON_BYTES) return bytes
  const error = new StorageError('too-large', `a JSON body may have ${MAX_JSON_BYTES} bytes at most`)
  await parts.cancel(error)
  throw error
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
  } catch (cause) {
    throw new StorageError('invalid', 'the body is not JSON in UTF-8', { cause })
  }
}

function checked<Schema extends v.GenericSchema>(schema: Schema, value: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const place = v.getDotPath(issue)
  throw new StorageError('invalid', place === null ? issue.message : `${place}: ${issue.message}`)
}
