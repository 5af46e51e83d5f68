import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** What the scripts of the JavaScript clients share. Each step's result is a file of its name in OUT. */

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}

export const ENDPOINT = variable('S3_ENDPOINT')
export const BUCKET = variable('BUCKET')
export const PREFIX = variable('PREFIX')
export const BIG = variable('BIG')
export const CREDENTIALS = {
  accessKeyId: variable('AWS_ACCESS_KEY_ID'),
  secretAccessKey: variable('AWS_SECRET_ACCESS_KEY'),
}
const OUT = variable('OUT')
const TREE = variable('TREE')

export const DOOMED = [0, 2, 4, 6, 8].map((index) => `${PREFIX}doomed/${index}.txt`)

export function result(step: string, text: string | Uint8Array): void {
  writeFileSync(join(OUT, step), text)
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The files of TREE by the names that they get. */
export async function tree(): Promise<[name: string, bytes: Buffer][]> {
  const entries = await readdir(TREE, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [relative(TREE, path), readFileSync(path)])
}

export function lines(names: readonly string[]): string {
  return names
    .map((name) => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => `${name}\n`)
    .join('')
}

/** A line for each key below the folder: the SHA-256 of its object, and its name. */
export async function manifest(
  folder: string,
  keys: readonly string[],
  read: (key: string) => Promise<Uint8Array>,
): Promise<string> {
  const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  let text = ''
  for (const key of sorted)
    text += `${sha256(await read(key))}  ${key.slice(PREFIX.length + folder.length)}\n`
  return text
}

export async function fetchText(url: string, init?: RequestInit): Promise<string> {
  const answer = await fetch(url, init)
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${answer.status} ${text}`)
  return text
}
