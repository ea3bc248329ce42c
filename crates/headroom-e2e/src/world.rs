//! Opens the world that was asked for, once for the whole run, and hands out one world per cell.

use headroom_scenario::{Cell, Shared, World};
use headroom_sim::SimWorld;

use crate::{
    args::{Args, WorldName},
    profile::Profile,
};

/// Where cells run.
pub enum Worlds {
    /// The simulator, with its seed.
    Sim(u64),
    /// A cluster.
    #[cfg(feature = "cluster")]
    Cluster(Box<crate::cluster::Connection>),
}

impl Worlds {
    /// Opens what `--world` names.
    ///
    /// # Errors
    /// When there is no cluster; the message says what to do.
    pub fn open(args: &Args) -> Result<Self, String> {
        match args.world {
            WorldName::Sim => Ok(Self::Sim(args.seed)),
            WorldName::Cluster => Self::open_cluster(args),
        }
    }

    #[cfg(feature = "cluster")]
    fn open_cluster(args: &Args) -> Result<Self, String> {
        let crate::args::ClusterArgs {
            kubeconfig,
            postgres_image,
            postgres_upgrade_image,
            snapshot_class,
            storage_class,
            lab_dir,
            install,
            kill_operator_every,
            profile,
        } = args.cluster.clone();
        let options = crate::cluster::ClusterOptions {
            kubeconfig,
            postgres_image,
            postgres_upgrade_image,
            snapshot_class,
            storage_class,
            profile,
            report: args.report.clone(),
            lab_dir,
            install,
            kill_operator_every,
            seed: args.seed,
        };
        let connection = crate::cluster::Connection::open(options).map_err(|error| error.to_string())?;
        Ok(Self::Cluster(Box::new(connection)))
    }

    #[cfg(not(feature = "cluster"))]
    fn open_cluster(_: &Args) -> Result<Self, String> {
        Err("this build has no cluster world; use `cargo e2e --world cluster`".to_owned())
    }

    /// A world of its own for one cell.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn for_cell(&self, cell: &Cell) -> Result<Box<dyn World>, String> {
        match self {
            Self::Sim(seed) => {
                // The simulator needs no name: every world is alone.
                let _ = cell;
                Ok(Box::new(SimWorld::new(*seed)))
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => match cell {
                Cell::Scenario(scenario) => {
                    let world = crate::cluster::ClusterWorld::new(connection.as_ref().clone(), scenario)?;
                    Ok(Box::new(world))
                }
                Cell::Blank { why, .. } => Err((*why).to_owned()),
            },
        }
    }

    /// Gets ready for cells that touch this.
    ///
    /// # Errors
    /// When the cluster cannot be made ready.
    pub fn begin(&self, shared: Shared) -> Result<(), String> {
        match self {
            Self::Sim(_) => {
                // Every world is alone.
                let _ = shared;
                Ok(())
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => connection.begin(shared).map_err(|error| error.to_string()),
        }
    }

    /// The profile of the cluster; the simulator has none.
    pub fn profile(&self) -> Option<Profile> {
        match self {
            Self::Sim(_) => None,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => Some(connection.profile),
        }
    }

    /// How many cells that touch the nodes can run at once.
    pub fn lanes(&self) -> usize {
        match self {
            Self::Sim(_) => 1,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => connection.lanes.count(),
        }
    }

    /// Leaves the world as it was found.
    pub fn close(&self) {
        match self {
            Self::Sim(_) => {}
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => {
                if let Err(error) = connection.close() {
                    crate::talk(&error.to_string());
                }
            }
        }
    }
}
