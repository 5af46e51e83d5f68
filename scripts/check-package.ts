import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { pack } from './pack.ts'

/** The package is for ES modules, and for TypeScript that knows `exports`. */
const UNSUPPORTED = ['node10', 'node16-cjs']

const folder = mkdtempSync(join(tmpdir(), 'fallback-storage-package-'))
try {
  const problems = await problemsOf(new Uint8Array(readFileSync(pack(folder))))
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
  else console.log('package: no problems found by publint and are-the-types-wrong')
} finally {
  rmSync(folder, { recursive: true })
}

async function problemsOf(tarball: Uint8Array<ArrayBuffer>): Promise<string[]> {
  const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true })
  const types = await checkPackage(createPackageFromTarballData(tarball))
  if (!types.types) return ['there are no types']
  const wrong = types.problems.filter(
    (problem) => !('resolutionKind' in problem && UNSUPPORTED.includes(problem.resolutionKind)),
  )
  return [
    ...messages.map((message) => `publint: ${formatMessage(message, pkg) ?? message.code}`),
    ...wrong.map((problem) => `are-the-types-wrong: ${JSON.stringify(problem)}`),
  ]
}
