import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { bytes, count, createOutput, duration, type Table } from '../../src/cli/output.ts'
import { createProgress } from '../../src/cli/progress.ts'

const MIB = 1024 * 1024

it('prints progress, speed and remaining time to a file or pipe every five seconds', () => {
  const stream = new PassThrough({ encoding: 'utf8' })
  let now = 0
  const progress = createProgress(
    { label: 'a.bin', total: 100 * MIB, show: bytes, now: () => now },
    { quiet: false, stderr: stream },
  )
  for (; now <= 12_000; now += 500) progress.update({ value: (now / 1000) * MIB })
  progress.end()
  expect(stream.read()).toBe(
    'a.bin: 5.0 MiB of 100 MiB (5 %), 1.0 MiB/s, 1 min 35 s left\n' +
      'a.bin: 10.0 MiB of 100 MiB (10 %), 1.0 MiB/s, 1 min 30 s left\n',
  )
})

it('prints what is known while the total is unknown', () => {
  const stream = new PassThrough({ encoding: 'utf8' })
  let now = 0
  const progress = createProgress(
    { label: 'verify', show: count, now: () => now },
    { quiet: false, stderr: stream },
  )
  progress.update({ value: 0 })
  now = 6_000
  progress.update({ value: 1_200, note: 'waiting for legacy: timeout' })
  expect(stream.read()).toBe('verify: 1,200, 200/s, waiting for legacy: timeout\n')
})

it('prints nothing when quiet', () => {
  const stream = new PassThrough({ encoding: 'utf8' })
  const progress = createProgress(
    { label: 'x', show: count, now: () => 1e9 },
    { quiet: true, stderr: stream },
  )
  progress.update({ value: 1 })
  progress.end()
  expect(stream.read()).toBeNull()
})

it.each([
  { shown: bytes(0), as: '0 B' },
  { shown: bytes(1023), as: '1023 B' },
  { shown: bytes(1024), as: '1.0 KiB' },
  { shown: bytes(150 * MIB), as: '150 MiB' },
  { shown: bytes(5 * 1024 ** 4), as: '5.0 TiB' },
  { shown: bytes(70.821), as: '71 B' },
  { shown: count(1_234_567), as: '1,234,567' },
  { shown: count(70.821), as: '71' },
  { shown: count(1.6666), as: '1.7' },
  { shown: count(0.0421), as: '0.042' },
  { shown: duration(0.2), as: '0 s' },
  { shown: duration(59.6), as: '1 min 0 s' },
  { shown: duration(3_600), as: '1 h 0 min' },
  { shown: duration(200_000), as: '2 d 7 h' },
])('shows $as', ({ shown, as }) => {
  expect(shown).toBe(as)
})

function printed(table: Table): string {
  const stdout = new PassThrough({ encoding: 'utf8' })
  createOutput({}, { stdout, stderr: stdout }).print(table)
  return stdout.read() as string
}

it('keeps trailing spaces of a name', () => {
  const rows = [
    ['1', 'a '],
    ['22', ''],
  ]
  expect(printed({ rows })).toBe('1   a \n22\n')
})

it('aligns columns, numbers on the right', () => {
  const rows = [
    ['a', '1', 'x'],
    ['bbb', '22', ''],
  ]
  expect(printed({ rows, right: [1] })).toBe('a     1  x\nbbb  22\n')
})
