import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expectAnswer, type Measurement, speedRatio, takeTurns } from './bench.ts'
import { notInstalled } from './native.ts'
import { freePorts } from '../test/kit/servers/listen.ts'
import { whileServing } from './server.ts'

const BYTES = 4096
const NEEDED = ['django', 'gunicorn', 'fallback_storage']

/** The cost of the same chain in the Django original, on one gunicorn worker. Only a reference, because both its storages are local disks. */
export const original: Measurement = async (bench) => {
  const missing = NEEDED.filter((name) => spawnSync('python3', ['-c', `import ${name}`]).status !== 0)
  if (missing.length > 0) return notInstalled(`${missing.join(', ')} for python3`)
  const folder = mkdtempSync(join(tmpdir(), 'bench-original-'))
  for (const storage of ['first', 'second']) mkdirSync(join(folder, storage))
  writeFileSync(join(folder, 'first/hit.jpg'), new Uint8Array(BYTES))
  writeFileSync(join(folder, 'second/old.jpg'), new Uint8Array(BYTES))
  const [port = 0] = await freePorts(1)
  const peers = new URL('./peers', import.meta.url).pathname
  // oxfmt-ignore
  const command = [
    'python3', '-m', 'gunicorn', '--chdir', peers, '--bind', `127.0.0.1:${port}`, '--log-level', 'warning', 'original:application',
  ] as const
  const env = {
    BENCH_FIRST: join(folder, 'first'),
    BENCH_SECOND: join(folder, 'second'),
    PYTHONDONTWRITEBYTECODE: '1',
  }
  try {
    return await whileServing(command, { port, path: '/hit.jpg', env }, async (url) => {
      const { contest } = bench
      await contest.store('hit/original.jpg', BYTES)
      const own = contest.url('own')
      const hits = [{ url: `${own}/hit/original.jpg` }, { url: `${url}/hit.jpg` }]
      const fallbacks = [{ url: `${own}/${BYTES}/old.jpg` }, { url: `${url}/old.jpg` }]
      for (const target of [...hits, ...fallbacks]) await expectAnswer(target, { status: 200, bytes: BYTES })
      const [ownHits = [], itsHits = []] = await takeTurns(bench, hits)
      const [ownFallbacks = [], itsFallbacks = []] = await takeTurns(bench, fallbacks)
      return [
        speedRatio('primary hit, 4 KiB ÷ the Django original under gunicorn', ownHits, itsHits),
        speedRatio('fallback hit, 4 KiB ÷ the Django original under gunicorn', ownFallbacks, itsFallbacks),
      ]
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
