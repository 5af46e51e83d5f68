import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected, filesToUpload, seed, seedListed, withoutBackslash, type Files } from './seeds.ts'
import { BRIEF, runScript, STEPS, type Program, type Step } from './programs.ts'
import { BUCKET, CREDENTIALS, startS3Site, type S3Site } from './site.ts'

/** All of these steps that the client can do. */
function expectedOf(
  { name, cannot }: Program,
  steps: readonly Step[] = STEPS,
): Partial<Record<Step, string>> {
  const all = expected()
  // It takes a backslash for a slash.
  if (name === 'django-storages')
    Object.assign(all, { names: withoutBackslash(all.names), seeded: withoutBackslash(all.seeded) })
  return Object.fromEntries(steps.filter((step) => !(step in cannot)).map((step) => [step, all[step]]))
}

/** Longer than a run's own. */
const TIMEOUT = { timeout: 150_000 }

/** Tests each client's script, against one bucket alone and against a chain whose fallback has half of the objects. */
export function testClients(programs: readonly Program[]): void {
  let files: Files
  let alone: S3Site
  let chain: S3Site

  beforeAll(async () => {
    files = await filesToUpload()
    alone = await startS3Site()
    chain = await startS3Site({ fallback: true })
    await Promise.all([seedListed(alone.store), seedListed(chain.store)])
  }, 180_000)

  afterAll(async () => {
    await alone?.close()
    await chain?.close()
    await files?.remove()
  })

  let runs = 0

  async function run(program: Program, site: S3Site, entrance: keyof S3Site['entrances'], brief = false) {
    runs += 1
    const prefix = `run-${runs}/`
    await seed(prefix, site.store)
    return runScript(program, {
      ...site.entrances[entrance],
      bucket: BUCKET,
      credentials: CREDENTIALS,
      prefix,
      tree: files.tree,
      big: files.big,
      folder: await mkdtemp(join(files.folder, 'run-')),
      brief,
    })
  }

  describe.each(programs)('$name', (program) => {
    beforeAll(() => {
      for (const [step, reason] of Object.entries(program.cannot))
        process.stdout.write(`${program.name} does not do "${step}": it ${reason}\n`)
    })

    // Both find and store the same, so the two runs are also with and without TLS.
    it.for([
      ['one bucket, without TLS', () => alone, 'plain'],
      ['a chain, with TLS', () => chain, 'tls'],
    ] as const)('finds and stores everything in %s', TIMEOUT, async ([, site, entrance], { skip }) => {
      skip(program.missing !== undefined, program.missing)
      expect(await run(program, site(), entrance)).toEqual(expectedOf(program))
    })
  })

  describe.each(programs.filter(({ acceptsPath }) => acceptsPath))('$name', (program) => {
    it('accepts an endpoint below the path of the media', TIMEOUT, async ({ skip }) => {
      skip(program.missing !== undefined, program.missing)
      expect(await run(program, chain, 'path', true)).toEqual(expectedOf(program, BRIEF))
    })
  })
}
