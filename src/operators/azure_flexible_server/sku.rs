//! Sizes as Azure sells them (Microsoft, "Limits in Azure Database for PostgreSQL"). In: cores and memory. Out: the name of
//! exactly that.

use crate::api::quantity::{Bytes, Millicores};

pub const BURSTABLE: &str = "Burstable";
const GENERAL: &str = "GeneralPurpose";
const MEMORY: &str = "MemoryOptimized";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sku {
    pub name: &'static str,
    pub tier: &'static str,
}

/// Cores and Gi of memory.
#[rustfmt::skip]
const SKUS: [(u64, u64, Sku); 13] = [
    (1, 2, Sku { name: "Standard_B1ms", tier: BURSTABLE }),
    (2, 4, Sku { name: "Standard_B2s", tier: BURSTABLE }),
    (2, 8, Sku { name: "Standard_D2ds_v5", tier: GENERAL }),
    (4, 16, Sku { name: "Standard_D4ds_v5", tier: GENERAL }),
    (8, 32, Sku { name: "Standard_D8ds_v5", tier: GENERAL }),
    (16, 64, Sku { name: "Standard_D16ds_v5", tier: GENERAL }),
    (32, 128, Sku { name: "Standard_D32ds_v5", tier: GENERAL }),
    (48, 192, Sku { name: "Standard_D48ds_v5", tier: GENERAL }),
    (64, 256, Sku { name: "Standard_D64ds_v5", tier: GENERAL }),
    (96, 384, Sku { name: "Standard_D96ds_v5", tier: GENERAL }),
    (2, 16, Sku { name: "Standard_E2ds_v5", tier: MEMORY }),
    (4, 32, Sku { name: "Standard_E4ds_v5", tier: MEMORY }),
    (8, 64, Sku { name: "Standard_E8ds_v5", tier: MEMORY }),
];

pub fn of(cpu: Millicores, memory: Bytes) -> Option<Sku> {
    let same = |(cores, gibibytes, _): &&(u64, u64, Sku)| cores * 1000 == cpu.0 && gibibytes * Bytes::GI == memory.0;
    SKUS.iter().find(same).map(|(_, _, sku)| *sku)
}

/// For people.
pub fn offered() -> String {
    let sizes: Vec<String> = SKUS.iter().map(|(cores, memory, _)| format!("{cores} cpu and {memory}Gi")).collect();
    sizes.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exactly_the_size_is_that_size() {
        let name = |cores, gibibytes| of(Millicores(cores), Bytes(gibibytes * Bytes::GI)).map(|sku| sku.name);
        assert_eq!(name(1000, 2), Some("Standard_B1ms"));
        assert_eq!(name(2000, 8), Some("Standard_D2ds_v5"));
        assert_eq!(name(2000, 16), Some("Standard_E2ds_v5"));
        assert_eq!(name(8000, 32), Some("Standard_D8ds_v5"));
        assert_eq!(name(3000, 8), None);
        assert_eq!(name(2000, 7), None);
    }
}
