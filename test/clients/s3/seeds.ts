import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Step } from './programs.ts'

const MIB = 1024 * 1024
const BIG = randomBytes(30 * MIB)
const DIGITS = '0123456789'.repeat(10)
const LISTED = 2500

/** Names that clients escape, and servers decode, in different ways. */
const AWKWARD = [
  'plain.txt',
  'with space.txt',
  'plus+and&.txt',
  "it's (1) [x].txt",
  '100%.txt',
  '%41 is not A.txt',
  'ümläut.txt',
  'カメラ.jpg',
  'emoji 📷.png',
  'a=b;c,d@e$f!~*.txt',
  'question?#hash.txt',
  'back\\slash.txt',
  'quote".txt',
  '<tag>&amp;.txt',
  'deep/er/est.txt',
  'dots/.hidden',
  '-dash',
  'empty.bin',
] as const

const contentOf = (name: string) => (name === 'empty.bin' ? '' : `content of ${name}`)
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Stores one object. `index` counts them, so that each second one can go elsewhere. */
export type Store = (key: string, body: string | Uint8Array<ArrayBuffer>, index: number) => Promise<unknown>

/** The objects that a script finds below its prefix. */
export async function seed(prefix: string, store: Store): Promise<void> {
  const seeds: [string, string | Uint8Array<ArrayBuffer>][] = [
    ['seed/digits.txt', DIGITS],
    ['seed/big.bin', BIG],
    ...AWKWARD.map((name) => [`seed/${name}`, contentOf(name)] as [string, string]),
    // Pairs: one of each is deleted.
    ...[0, 1, 4, 5, 2, 3, 6, 7, 8, 9].map(
      (index) => [`doomed/${index}.txt`, `doomed ${index}`] as [string, string],
    ),
  ]
  // Digits and the large object only exist in the fallback.
  await Promise.all(
    seeds.map(([name, body], index) => store(prefix + name, body, index < 2 ? 1 : index >> 1)),
  )
}

/** The names that the scripts list and do not change. */
export async function seedListed(store: Store): Promise<void> {
  for (let from = 0; from < LISTED; from += 100)
    await Promise.all(
      listedNames()
        .slice(from, from + 100)
        .map((name, index) => store(name, 'x', index)),
    )
}

function listedNames(): string[] {
  return Array.from({ length: LISTED }, (_, index) => `many/${String(index).padStart(4, '0')}.txt`)
}

/** What every client must find. */
export function expected(): Record<Step, string> {
  const awkward = AWKWARD.map((name) => [name, contentOf(name)] as const)
  return {
    folders: lines(['doomed/', 'seed/']),
    ranges: '01234789',
    names: manifest(awkward),
    big: `${sha256(BIG)}\n`,
    'copied-big': `${sha256(BIG)}\n`,
    seeded: manifest([...awkward, ['digits.txt', DIGITS], ['big.bin', BIG]]),
    copied: DIGITS,
    'conditional-write': 'first',
    deleted: lines([1, 3, 5, 7, 9].map((index) => `doomed/${index}.txt`)),
    listed: lines(listedNames()),
    'presigned-get': DIGITS,
    'presigned-put': 'put by URL',
  }
}

/** The lines of `manifest` that are not about a backslash. */
export const withoutBackslash = (text: string): string => text.replace(/^.*\\.*\n/gm, '')

function manifest(files: readonly (readonly [name: string, body: string | Uint8Array])[]): string {
  return files
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([name, body]) => `${sha256(body)}  ${name}\n`)
    .join('')
}

const lines = (names: readonly string[]) => names.map((name) => `${name}\n`).join('')

export interface Files {
  folder: string
  tree: string
  big: string
  remove(): Promise<void>
}

/** The files that the scripts upload. */
export async function filesToUpload(): Promise<Files> {
  const folder = await mkdtemp(join(tmpdir(), 's3-clients-'))
  const tree = join(folder, 'tree')
  for (const name of AWKWARD) {
    await mkdir(dirname(join(tree, name)), { recursive: true })
    await writeFile(join(tree, name), contentOf(name))
  }
  const big = join(folder, 'big.bin')
  await writeFile(big, BIG)
  return { folder, tree, big, remove: () => rm(folder, { recursive: true, force: true }) }
}
