import uPlot from 'uplot'
import { type ReadonlySignal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { formatCompact, formatTime } from '../format.ts'
import type { Tone } from './badge.tsx'
import { type Column, drawable, isolatedPoints, stackColumns, timeLabels, WHOLE_STEPS } from './plot-data.ts'

export interface PlotSeries {
  label: string
  /** One for each time; null where nothing is known. */
  values: Column
  tone: Tone
  /** Default: a compact count. */
  format?: (value: number) => string
}

interface Props {
  /** What the plot shows, in a sentence. */
  label: string
  /** Seconds since 1970. */
  at: readonly number[]
  /** With one unit for all of them. */
  series: readonly PlotSeries[]
  /** Draws the series on top of each other, the first one at the bottom. */
  stacked?: boolean
  /** Of the drawing, in pixels. */
  height?: number
}

/** Each series has another, so that they differ by more than their colour. */
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3]]

/** Figures over time: a plot, a legend that follows the pointer, and a table of the same figures. */
export function Plot({ label, at, series, stacked = false, height = 180 }: Props) {
  const frame = useRef<HTMLElement>(null)
  const area = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const hovered = useSignal<number | null>(null)
  const columns = series.map(({ values }) => values)
  const data = drawable(at, stacked ? stackColumns(columns) : columns) as uPlot.AlignedData
  const shape = JSON.stringify([stacked, series.map((one) => [one.label, one.tone])])
  const isEmpty = columns.every((column) => column.every((value) => value === null))

  useEffect(() => {
    const [figure, element] = [frame.current, area.current]
    if (!figure || !element) return
    const created = new uPlot(
      options({
        figure,
        width: element.clientWidth,
        height,
        series,
        stacked,
        onHover: (index) => (hovered.value = index),
      }),
      data,
      element,
    )
    plot.current = created
    const stop = onThemeChange(() => created.redraw(false))
    const resize = new ResizeObserver(() => {
      if (element.clientWidth > 0) created.setSize({ width: element.clientWidth, height })
    })
    resize.observe(element)
    return () => {
      stop()
      resize.disconnect()
      created.destroy()
      plot.current = null
    }
  }, [shape, isEmpty])
  useEffect(() => plot.current?.setData(data))

  if (isEmpty)
    return <p class="muted plot-empty">Nothing to show yet: no interval has been counted to its end.</p>
  return (
    <figure class="plot" ref={frame}>
      <div class="plot-area" ref={area} role="img" aria-label={label} style={{ height: `${height}px` }} />
      {/* Below the drawing, so that it does not move under the pointer when values appear. */}
      <Legend series={series} at={at} stacked={stacked} hovered={hovered} />
      <Figures label={label} at={at} series={series} />
    </figure>
  )
}

interface LegendProps extends Required<Pick<Props, 'series' | 'at' | 'stacked'>> {
  hovered: ReadonlySignal<number | null>
}

function Legend({ series, at, stacked, hovered }: LegendProps) {
  const index = hovered.value
  const time = index === null ? undefined : at[index]
  return (
    <ul class="plot-legend">
      {series.map(({ label, tone, values, format = formatCompact }, position) => {
        const value = index === null ? undefined : (values[index] ?? null)
        return (
          <li key={label}>
            <svg class={`plot-swatch tone-${tone}`} data-stacked={stacked} aria-hidden="true">
              <line x1="0" y1="6" x2="24" y2="6" stroke-dasharray={dash(position).join(' ')} />
            </svg>
            {label}
            {value !== undefined && <b>{value === null ? '–' : format(value)}</b>}
          </li>
        )
      })}
      {time !== undefined && <li class="plot-time">{formatSecond(time, at)}</li>}
    </ul>
  )
}

/** Seconds matter only where the times are closer than a minute. */
function formatSecond(second: number, [first = 0, next = Infinity]: readonly number[]): string {
  const time = formatTime(second * 1000)
  return next - first < 60 ? `${time}:${`${new Date(second * 1000).getSeconds()}`.padStart(2, '0')}` : time
}

function Figures({ label, at, series }: Pick<Props, 'label' | 'at' | 'series'>) {
  const isOpen = useSignal(false)
  return (
    <details class="plot-figures" onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>Figures</summary>
      {isOpen.value && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, also by keyboard
        <div class="plot-table" role="region" aria-label={`Figures: ${label}`} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map((one) => (
                  <th scope="col" class="number" key={one.label}>
                    {one.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {at.map((second, index) =>
                series.every(({ values }) => (values[index] ?? null) === null) ? null : (
                  <tr key={second}>
                    <td>{formatSecond(second, at)}</td>
                    {series.map(({ label: column, values, format = formatCompact }) => {
                      const value = values[index] ?? null
                      return (
                        <td class="number" key={column}>
                          {value === null ? '–' : format(value)}
                        </td>
                      )
                    })}
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
    </details>
  )
}

function dash(position: number): number[] {
  return DASHES[position % DASHES.length] ?? []
}

interface Drawn {
  figure: HTMLElement
  width: number
  height: number
  series: readonly PlotSeries[]
  stacked: boolean
  onHover: (index: number | null) => void
}

function options({ figure, width, height, series, stacked, onHover }: Drawn): uPlot.Options {
  // The canvas gets its colours from the page, so that both themes and the legend agree.
  const swatch = (position: number): CSSStyleDeclaration | undefined => {
    const element = figure.querySelectorAll('.plot-swatch')[position]
    return element && getComputedStyle(element)
  }
  const fill = (position: number): string => swatch(position)?.backgroundColor ?? 'transparent'
  const grid = { stroke: () => getComputedStyle(figure).borderTopColor, width: 1 }
  const axis = {
    stroke: () => getComputedStyle(figure).color,
    font: '12px system-ui, sans-serif',
    ticks: { show: false },
  }
  return {
    width,
    height,
    // On the right, half of a label.
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { range: (_plot, min, max) => [min, Math.max(max, min + 30)] },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 70,
        values: (_plot, splits, _axis, _space, by) => timeLabels(splits, by),
      },
      {
        ...axis,
        grid,
        size: 64,
        space: 32,
        // There is no half of an object.
        ...(series[0]?.format === undefined && { incrs: WHOLE_STEPS }),
        values: (_plot, splits) => splits.map(series[0]?.format ?? formatCompact),
      },
    ],
    series: [
      {},
      ...series.map((_one, position) => ({
        width: 1.75,
        dash: dash(position),
        stroke: () => swatch(position)?.color ?? 'currentColor',
        // Above the first, the area between two lines is filled by `bands`.
        ...(stacked && { fill: () => fill(position) }),
        points: {
          size: 5,
          filter: (plot: uPlot, index: number) => isolatedPoints(plot.data[index] as Column),
        },
      })),
    ],
    ...(stacked && {
      bands: series.slice(1).map((_one, below) => ({ series: [below + 2, below + 1] as [number, number] })),
    }),
    hooks: { setCursor: [(plot) => onHover(plot.cursor.idx ?? null)] },
  }
}

/** Calls back when the colours of the page have changed. Returns how to stop. */
function onThemeChange(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const chosen = new MutationObserver(changed)
  chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  system.addEventListener('change', changed)
  return () => {
    chosen.disconnect()
    system.removeEventListener('change', changed)
  }
}
