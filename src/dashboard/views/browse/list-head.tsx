import type { Listing } from './listing.ts'

/** The headings of the columns, with a box that selects all that is loaded. */
export function ListHead({ listing, objects }: { listing: Listing; objects: number }) {
  const selected = listing.selected.value.size
  return (
    <div role="rowgroup" class="list-head">
      <div role="row" aria-rowindex={1} class="list-row">
        <div role="columnheader" class="cell-check">
          <label class="check">
            <input
              type="checkbox"
              aria-label="Select all that are shown"
              disabled={objects === 0}
              checked={selected > 0 && selected === objects}
              indeterminate={selected > 0 && selected < objects}
              onClick={() =>
                selected === objects
                  ? listing.clearSelection()
                  : listing.selectRange(0, listing.count.peek() - 1)
              }
            />
          </label>
        </div>
        <div role="columnheader" class="cell-name">
          Name
        </div>
        <div role="columnheader" class="cell-size">
          Size
        </div>
        <div role="columnheader" class="cell-time">
          Modified
        </div>
        <div role="columnheader" class="cell-backend">
          Served by
        </div>
      </div>
    </div>
  )
}
